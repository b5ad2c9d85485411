"""The command against the control plane: what each prints, for people and for machines."""

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.cli.authority import certify
from tests.cli.conftest import COMMAND, ControlPlane, Server, clean_environment, run

API_KEY = re.compile(r"swk_[A-Za-z0-9]{43}")


def test_init_prints_the_admin_and_its_key_once(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()  # an empty folder is fine
    made = run("init", "--data-dir", data_dir, "--json")
    assert made.code == 0, made.err
    admin = made.json()
    assert API_KEY.fullmatch(admin["api_key"])
    assert admin["data_dir"] == str(data_dir)
    assert (admin["name"], admin["kind"], admin["role"]) == ("admin", "user", "admin")
    assert admin["disabled"] is False
    assert stat.S_IMODE((data_dir / "master.key").stat().st_mode) == 0o600

    again = run("init", "--data-dir", data_dir)
    assert again.code == 1
    assert "sealwright serve" in again.err
    assert not API_KEY.search(again.out + again.err)


def test_init_ends_with_the_key_for_people(tmp_path: Path) -> None:
    made = run("init", "--data-dir", tmp_path / "data")
    assert API_KEY.fullmatch(made.out.splitlines()[-1])


def test_a_key_goes_to_a_new_private_file_on_request(tmp_path: Path) -> None:
    key_file = tmp_path / "admin.key"
    made = run("init", "--data-dir", tmp_path / "data", "--key-out", key_file, "--json")
    assert made.code == 0, made.err
    assert API_KEY.fullmatch(key_file.read_text().strip())
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert not API_KEY.search(made.out + made.err)


def test_a_key_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    taken = tmp_path / "admin.key"
    taken.write_text("mine")
    made = run("init", "--data-dir", tmp_path / "data", "--key-out", taken)
    assert made.code == 1
    assert taken.read_text() == "mine"
    assert not (tmp_path / "data").exists()


def test_init_and_serve_ignore_the_clients_variables(tmp_path: Path) -> None:
    nonsense = {"SEALWRIGHT_URL": "nonsense", "SEALWRIGHT_API_KEY": "nonsense"}
    made = run("init", "--data-dir", tmp_path / "data", environment=nonsense)
    assert made.code == 0, made.err


def test_locked_out_there_is_a_new_admin_key(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = run("init", "--data-dir", data, "--json").json()
    ended = run("init", "--new-admin-key", "--data-dir", data, "--json")
    assert ended.code == 0, ended.err
    second = ended.json()
    assert second["api_key"] != first["api_key"]
    server = Server("--data-dir", data, "--bind", f"unix:{tmp_path}/s.sock")
    try:
        key = {"SEALWRIGHT_API_KEY": second["api_key"], "SEALWRIGHT_URL": server.url}
        listed = run("identity", "list", "--json", environment=key)
        assert [each["name"] for each in listed.json()["items"]] == ["admin"]
    finally:
        server.stop()


def test_a_store_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    ended = run("serve", "--data-dir", tmp_path / "none", "--bind", "127.0.0.1:0")
    assert ended.code == 1
    assert "sealwright init" in ended.err
    assert "Traceback" not in ended.err


def test_without_a_key_the_command_says_how_to_give_one(control_plane: ControlPlane) -> None:
    ended = run("signer", "list", environment={"SEALWRIGHT_URL": control_plane.url})
    assert ended.code == 1
    assert "code api_key_missing" in ended.err
    assert "--api-key-file" in ended.err


@pytest.fixture
def builder(control_plane: ControlPlane, tmp_path: Path) -> Path:
    """The key file of a machine that the test has to itself."""
    key_file = tmp_path / "machine.key"
    name = f"machine-{tmp_path.name}"
    control_plane.json("identity", "create", name, "--kind", "machine", "--key-out", key_file)
    return key_file


def test_identities_are_made_shown_disabled_and_enabled(control_plane: ControlPlane) -> None:
    made = control_plane.json("identity", "create", "carol", "--kind", "user", "--role", "auditor")
    assert API_KEY.fullmatch(made["api_key"])
    assert (made["name"], made["kind"], made["role"]) == ("carol", "user", "auditor")
    machine = control_plane.json(
        "identity", "create", "carols-laptop", "--kind", "machine", "--owner", "carol"
    )
    assert machine["owner"] == "carol"
    shown = control_plane.json("identity", "show", "carol")
    assert "api_key" not in shown
    assert len(shown["keys"]) == 1
    assert control_plane.json("identity", "disable", "carol")["disabled"] is True
    assert control_plane.json("identity", "enable", "carol")["disabled"] is False
    names = [each["name"] for each in control_plane.json("identity", "list")["items"]]
    assert {"admin", "carol", "carols-laptop"} <= set(names)


def test_a_revoked_key_is_refused_at_once(
    control_plane: ControlPlane, builder: Path, tmp_path: Path
) -> None:
    name = f"machine-{tmp_path.name}"
    assert control_plane.run("signer", "list", key_file=builder).code == 0
    added = control_plane.json("identity", "key", "add", name)
    assert API_KEY.fullmatch(added["api_key"])
    (old, _new) = control_plane.json("identity", "show", name)["keys"]
    revoked = control_plane.json("identity", "key", "revoke", name, old["id"])
    assert revoked["revoked_at"] is not None
    refused = control_plane.run("signer", "list", key_file=builder)
    assert refused.code == 1
    assert "code api_key_revoked" in refused.err


def test_a_signer_from_its_making_to_its_end(control_plane: ControlPlane) -> None:
    made = control_plane.json(
        "signer", "create", "whole-life", "--key", "p256", "--common-name", "Whole Life"
    )
    assert made["status"] == "active"
    assert {"id", "number", "name", "status", "key", "policy"} <= made.keys()
    assert {"certificate_serial", "not_after"} <= made.keys()
    assert control_plane.json("signer", "show", "whole-life") == made
    assert made in control_plane.json("signer", "list")["items"]
    assert control_plane.json("signer", "disable", "whole-life")["status"] == "disabled"
    assert control_plane.json("signer", "enable", "whole-life")["status"] == "active"
    renewed = control_plane.json("signer", "renew", "whole-life", "--days", "90")
    assert renewed["certificate_serial"] != made["certificate_serial"]
    assert renewed["number"] == made["number"]
    assert control_plane.json("signer", "delete", "whole-life") == {
        "name": "whole-life",
        "deleted": True,
    }
    gone = control_plane.run("signer", "show", "whole-life")
    assert gone.code == 1
    assert "code signer_not_found" in gone.err
    again = control_plane.run(
        "signer", "create", "whole-life", "--key", "p256", "--common-name", "Again"
    )
    assert again.code == 1


def test_certificates_are_pem_from_leaf_to_root(control_plane: ControlPlane) -> None:
    made = control_plane.json(
        "signer", "create", "certified", "--key", "p384", "--common-name", "Certified"
    )
    leaf = x509.load_pem_x509_certificates(
        control_plane.run("signer", "certificate", "certified").out.encode()
    )
    assert [f"{each.serial_number:032x}" for each in leaf] == [made["certificate_serial"].zfill(32)]
    chain = x509.load_pem_x509_certificates(
        control_plane.run("signer", "certificate", "certified", "--chain").out.encode()
    )
    authority = x509.load_pem_x509_certificates(control_plane.run("ca", "certificate").out.encode())
    assert chain == [*leaf, *authority]
    for certificate, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
        certificate.verify_directly_issued_by(issuer)


def test_an_external_signer_waits_for_its_certificate(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    made = control_plane.json(
        "signer", "create", "outside", "--key", "p256", "--common-name", "Outside", "--external"
    )
    assert (made["status"], made["not_after"]) == ("pending", None)
    assert control_plane.run("signer", "certificate", "outside").code == 1
    request = control_plane.run("signer", "csr", "outside").out
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certify(request.encode()))
    installed = control_plane.json("signer", "install-certificate", "outside", "--chain", chain)
    assert installed["status"] == "active"


def test_what_is_no_pem_is_not_sent(control_plane: ControlPlane, tmp_path: Path) -> None:
    chain = tmp_path / "chain.der"
    chain.write_bytes(b"\x30\x82\x01\x00")
    ended = control_plane.run("signer", "install-certificate", "any", "--chain", chain)
    assert ended.code == 1
    assert "holds no certificate in PEM" in ended.err


def test_members_come_change_and_go(
    control_plane: ControlPlane, builder: Path, tmp_path: Path
) -> None:
    name = f"machine-{tmp_path.name}"
    control_plane.json("signer", "create", "club", "--key", "p256", "--common-name", "Club")
    unseen = control_plane.run("signer", "show", "club", key_file=builder)
    assert "code signer_not_found" in unseen.err
    added = control_plane.json("member", "add", "club", name, "--role", "auditor")
    assert (added["signer"], added["identity"], added["role"]) == ("club", name, "auditor")
    assert control_plane.json("signer", "show", "club", key_file=builder)["role"] == "auditor"
    control_plane.json("member", "add", "club", name, "--role", "operator")
    (member,) = control_plane.json("member", "list", "club")["items"]
    assert member["role"] == "operator"
    assert control_plane.json("member", "remove", "club", name)["removed"] is True
    assert control_plane.json("member", "list", "club") == {"items": [], "next": None}


def test_an_rsa_2048_signer_and_a_certificate_that_ends_soon_are_warned_about(
    control_plane: ControlPlane,
) -> None:
    ended = control_plane.run(
        "signer", "create", "weak", "--key", "rsa-2048", "--common-name", "Weak", "--days", "7"
    )
    assert ended.code == 0
    assert ended.err.count("warning: ") == 2
    listed = control_plane.run("signer", "list", "--json")
    json.loads(listed.out)
    assert "warning: " in listed.err


def test_lists_come_in_pages(control_plane: ControlPlane) -> None:
    seen: list[str] = []
    more: list[str] = []
    while True:
        page = control_plane.json("identity", "list", "--limit", "1", *more)
        seen += [each["name"] for each in page["items"]]
        if page["next"] is None:
            break
        more = ["--cursor", page["next"]]
    assert seen == sorted(set(seen))
    assert len(seen) >= 1
    for_people = control_plane.run("identity", "list", "--limit", "1")
    assert len(for_people.out.splitlines()) == 2
    assert ("--cursor" in for_people.err) == (len(seen) > 1)


def test_changes_are_in_the_log_newest_first(control_plane: ControlPlane) -> None:
    control_plane.json("identity", "create", "logged", "--kind", "machine")
    page = control_plane.json("audit", "list", "--kind", "change", "--limit", "5")
    sequences = [row["sequence"] for row in page["items"]]
    assert sequences == sorted(sequences, reverse=True)
    assert page["items"][0]["action"] == "identity:create"
    assert page["items"][0]["object"] == "logged"
    assert page["items"][0]["actor"] == "admin"
    later = control_plane.json("audit", "list", "--since", "2999-01-01T00:00:00Z")
    assert later["items"] == []


def exported(control_plane: ControlPlane, path: Path) -> list[dict[str, Any]]:
    ended = control_plane.run("audit", "export")
    assert ended.code == 0, ended.err
    path.write_text(ended.out)
    return [json.loads(line) for line in ended.out.splitlines()]


def verified(*arguments: str | Path, given: bytes = b"") -> tuple[int, dict[str, Any]]:
    ended = run("audit", "verify", *arguments, "--json", given=given)
    return ended.code, ended.json()


def test_an_export_is_verified_without_a_server(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    control_plane.json("identity", "create", "for-the-log", "--kind", "machine")
    log = tmp_path / "log.ndjson"
    rows = exported(control_plane, log)
    head = rows[-1]["row_hash"]
    sound = {"rows": len(rows), "intact": True, "first_bad_sequence": None, "head": head}
    assert verified(log) == (0, sound)
    assert verified("-", given=log.read_bytes()) == (0, sound)
    assert verified(log, "--expect-head", head) == (0, sound)
    assert control_plane.run("audit", "verify").code == 0


def test_a_log_that_was_tampered_with_is_1_and_says_where(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    control_plane.json("identity", "create", "tampered-with", "--kind", "machine")
    log = tmp_path / "log.ndjson"
    rows = exported(control_plane, log)
    lines = log.read_text().splitlines(keepends=True)

    log.write_text("".join(lines).replace("tampered-with", "nothing-to-see"))
    code, verdict = verified(log)
    assert (code, verdict["intact"]) == (1, False)
    bad = next(row["sequence"] for row in rows if row["object"] == "tampered-with")
    assert verdict["first_bad_sequence"] == bad

    log.write_text("".join(lines[:1] + lines[2:]))
    code, verdict = verified(log)
    assert (code, verdict["intact"]) == (1, False)

    log.write_text("".join(lines[:-1]))  # sound in itself: only a head noted elsewhere shows it
    assert verified(log)[0] == 0
    code, verdict = verified(log, "--expect-head", rows[-1]["row_hash"])
    assert (code, verdict["intact"]) == (1, False)

    code, _ = verified("-", given=b"not a row\n")
    assert code == 1


def test_the_key_is_never_in_the_process_list(control_plane: ControlPlane) -> None:
    key = control_plane.admin_key_file.read_text().strip()
    with subprocess.Popen(
        [*COMMAND, "audit", "export", "--url", control_plane.url],
        env=clean_environment() | {"SEALWRIGHT_API_KEY": key},
        stdout=subprocess.DEVNULL,
    ) as process:
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert key.encode() not in arguments


def test_the_reader_of_an_export_may_go_away(control_plane: ControlPlane) -> None:
    command = f"{' '.join(COMMAND)} audit list --limit 1000 | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", command],
        env=clean_environment()
        | {
            "SEALWRIGHT_URL": control_plane.url,
            "SEALWRIGHT_API_KEY_FILE": str(control_plane.admin_key_file),
        },
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in ended.stderr
