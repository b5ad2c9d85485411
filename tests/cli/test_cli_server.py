"""The command against the control plane: what each prints, for people and for machines."""

import base64
import hashlib
import json
import re
import stat
import subprocess
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.cli.authority import certify
from tests.cli.conftest import NOWHERE, Caller, run
from tests.invariants.callers import call_over, connect
from tests.server import COMMAND, ControlPlane, surroundings

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


def test_init_says_why_a_database_cannot_be_used_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://ann:secret@127.0.0.1:1/sealwright"  # nothing listens there
    made = run("init", "--data-dir", tmp_path / "data", "--database", url)
    assert made.code == 1
    assert "ann:***@127.0.0.1:1/sealwright" in made.err
    assert "Connection refused" in made.err
    assert "secret" not in made.out + made.err
    assert not (tmp_path / "data").exists()


def test_locked_out_there_is_a_new_admin_key(tmp_path: Path) -> None:
    plane = ControlPlane.install(tmp_path)
    ended = run("init", "--new-admin-key", "--data-dir", tmp_path / "data", "--json")
    assert ended.code == 0, ended.err
    key = ended.json()["api_key"]
    assert key != plane.admin_key
    plane.start()
    try:
        (row,) = plane.client(key).operations(limit=1).value.items
        assert (row.kind, row.actor, row.object) == ("change", None, "admin")
    finally:
        plane.stop()


def test_a_clock_that_is_right_is_nothing_to_accept(admin: Caller) -> None:
    ended = admin.run("recovery", "accept-clock")
    assert ended.code == 1
    assert "clock_not_behind" in ended.err


def test_serve_names_what_is_no_proxy(tmp_path: Path) -> None:
    ended = run("serve", "--data-dir", tmp_path, "--trusted-proxy", "unix", "--trusted-proxy", "x")
    assert ended.code == 2
    assert "--trusted-proxy" in ended.err
    assert "'x'" in ended.err


def test_a_store_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    ended = run("serve", "--data-dir", tmp_path / "none", "--bind", "127.0.0.1:0")
    assert ended.code == 1
    assert "sealwright init" in ended.err
    assert "Traceback" not in ended.err


def test_without_a_key_the_command_says_how_to_give_one(admin: Caller) -> None:
    ended = run("signer", "list", environment={"SEALWRIGHT_URL": admin.url})
    assert ended.code == 1
    assert "code api_key_missing" in ended.err
    assert "--api-key-file" in ended.err


def test_identities_are_made_shown_disabled_and_enabled(admin: Caller) -> None:
    made = admin.json("identity", "create", "carol", "--kind", "user", "--role", "auditor")
    assert API_KEY.fullmatch(made["api_key"])
    assert (made["name"], made["kind"], made["role"]) == ("carol", "user", "auditor")
    machine = admin.json(
        "identity", "create", "carols-laptop", "--kind", "machine", "--owner", "carol"
    )
    assert machine["proposed_owner"] == "carol"
    shown = admin.json("identity", "show", "carol")
    assert "api_key" not in shown
    assert len(shown["keys"]) == 1
    assert admin.json("identity", "disable", "carol")["disabled"] is True
    assert admin.json("identity", "enable", "carol")["disabled"] is False
    names = [each["name"] for each in admin.json("identity", "list")["items"]]
    assert {"admin", "carol", "carols-laptop"} <= set(names)


def test_a_machine_changes_hands(admin: Caller, tmp_path: Path) -> None:
    key = tmp_path / "dora.key"
    admin.json("identity", "create", "dora", "--kind", "user", "--key-out", str(key))
    dora = Caller(admin.url, key)
    admin.json("identity", "create", "doras-bot", "--kind", "machine")
    ended = admin.run("identity", "edit", "doras-bot", "--owner", "dora")
    assert re.search(r"^offered to +dora$", ended.out, re.MULTILINE)
    ended = dora.run("whoami")
    assert "sealwright identity accept doras-bot" in ended.err
    assert dora.json("identity", "accept", "doras-bot")["owner"] == "dora"
    edited = admin.json("identity", "edit", "dora", "--role", "auditor", "--email", "d@example.com")
    assert (edited["role"], edited["email"]) == ("auditor", "d@example.com")
    edited = admin.json("identity", "edit", "dora", "--role", "none", "--email", "none")
    assert (edited["role"], edited["email"]) == (None, None)
    ended = admin.run("identity", "edit", "dora")
    assert ended.code == 2
    assert "give at least one option" in ended.err


def test_who_leaves_says_what_becomes_of_their_machines(admin: Caller, tmp_path: Path) -> None:
    key = tmp_path / "frank.key"
    admin.json("identity", "create", "frank", "--kind", "user", "--key-out", str(key))
    admin.json("identity", "create", "franks-bot", "--kind", "machine", "--owner", "frank")
    Caller(admin.url, key).json("identity", "accept", "franks-bot")
    admin.json("policy", "create", "franks", "--max-window", "1h", "--step", "lead:1:frank")
    admin.json("signer", "create", "franks", "--key", "p256", "--common-name", "Frank's")
    admin.json("signer", "set-policy", "franks", "franks")
    refused = admin.run("identity", "disable", "frank")
    assert refused.code == 1
    assert "frank owns franks-bot" in refused.err
    assert "--machines disable" in refused.err
    ended = admin.run("identity", "disable", "frank", "--machines", "disable")
    assert "The machine franks-bot is disabled." in ended.out
    assert "warning: The policy 'franks' cannot be met" in ended.err


def test_a_revoked_key_is_refused_at_once(admin: Caller, machine: Caller, tmp_path: Path) -> None:
    name = tmp_path.name
    assert machine.run("signer", "list").code == 0
    added = admin.json("identity", "key", "add", name)
    assert API_KEY.fullmatch(added["api_key"])
    (old, _new) = admin.json("identity", "show", name)["keys"]
    revoked = admin.json("identity", "key", "revoke", name, old["id"])
    assert revoked["revoked_at"] is not None
    refused = machine.run("signer", "list")
    assert refused.code == 1
    assert "code api_key_revoked" in refused.err


def test_a_key_is_given_an_end_and_places_that_it_works_from(
    admin: Caller, machine: Caller, tmp_path: Path
) -> None:
    add = ["identity", "key", "add", tmp_path.name, "--expires", "90d", "--from", "192.0.2.0/24"]
    key_file = tmp_path / "limited"
    told = admin.run(*add, "--from", "2001:db8::1", "--key-out", key_file)
    assert "from     192.0.2.0/24, 2001:db8::1/128" in told.out
    (_, limited) = admin.json("identity", "show", tmp_path.name)["keys"]
    lasts = datetime.fromisoformat(limited["expires_at"]) - datetime.fromisoformat(
        limited["created_at"]
    )
    assert lasts == timedelta(days=90)
    assert "192.0.2.0/24, 2001:db8::1/128" in admin.run("identity", "show", tmp_path.name).out
    refused = Caller(machine.url, key_file).run("signer", "list")
    assert refused.code == 1
    assert "code address_not_allowed" in refused.err
    wrong = admin.run("identity", "key", "add", tmp_path.name, "--from", "192.0.2.1/24")
    assert (wrong.code, "192.0.2.1/24 has host bits set" in wrong.err) == (1, True)


def test_whoami_and_identity_show_warn_of_a_key_that_ends_soon(
    admin: Caller, machine: Caller, tmp_path: Path
) -> None:
    name, key_file = tmp_path.name, tmp_path / "short"
    admin.run("identity", "key", "add", name, "--expires", "10d", "--key-out", key_file)
    (first, short) = admin.json("identity", "show", name)["keys"]
    who = Caller(machine.url, key_file).run("whoami")
    assert who.code == 0
    for told in (who, admin.run("identity", "show", name)):
        assert short["id"] in told.out
        assert f"warning: The API key {short['id']} of {name} expires in 9 days" in told.err
    mine = machine.run("whoami")
    assert (first["id"] in mine.out, short["id"] in mine.out) == (True, False)
    assert "warning" not in mine.err
    assert machine.json("whoami")["key"]["id"] == first["id"]


def test_a_signer_from_its_making_to_its_end(admin: Caller) -> None:
    made = admin.json(
        "signer", "create", "whole-life", "--key", "p256", "--common-name", "Whole Life"
    )
    assert made["status"] == "active"
    assert {"id", "number", "name", "status", "key", "policy"} <= made.keys()
    assert {"certificate_serial", "not_after"} <= made.keys()
    assert admin.json("signer", "show", "whole-life") == made
    del made["policy_changes"]  # of one signer, not of a list
    assert made in admin.json("signer", "list")["items"]
    assert admin.json("signer", "disable", "whole-life")["status"] == "disabled"
    assert admin.json("signer", "enable", "whole-life")["status"] == "active"
    renewed = admin.json("signer", "renew", "whole-life", "--days", "90")
    assert renewed["certificate_serial"] != made["certificate_serial"]
    assert renewed["number"] == made["number"]
    early = admin.run("signer", "delete", "whole-life", "--yes", "whole-life")
    assert early.code == 1
    assert "code signer_not_disabled" in early.err
    admin.json("signer", "disable", "whole-life")
    deleting = admin.json("signer", "delete", "whole-life", "--yes", "whole-life", "--after", "2d")
    assert deleting["status"] == "deleting"
    assert (
        f"gone at             {deleting['deletes_at'][:19]}Z"
        in admin.run("signer", "show", "whole-life").out
    )
    assert "code signer_deleting" in admin.run("signer", "enable", "whole-life").err
    kept = admin.json("signer", "undelete", "whole-life")
    assert (kept["status"], kept["deletes_at"]) == ("disabled", None)
    admin.json("signer", "delete", "whole-life", "--yes", "whole-life", "--after", "0")
    gone = admin.run("signer", "show", "whole-life")
    assert gone.code == 1
    assert "code signer_not_found" in gone.err
    again = admin.run(
        "signer", "create", "whole-life", "--key", "p256", "--common-name", "Whole Life"
    )
    assert again.code == 1


def test_an_ed25519_signer_from_its_making_to_its_row(admin: Caller, machine: Caller) -> None:
    name = machine.key_file.parent.name
    made = admin.json("signer", "create", "edwards", "--key", "ed25519", "--common-name", "Edwards")
    assert (made["key"], made["status"]) == ("ed25519", "active")
    listed = admin.run("signer", "list", "--limit", "1000").out
    assert any("edwards" in line and "ed25519" in line for line in listed.splitlines())
    admin.json("member", "add", "edwards", name, "--role", "operator")

    body = {"scheme": "ed25519", "hash": "none", "message": base64.b64encode(b"abc").decode()}
    with closing(connect(int(admin.url.rpartition(":")[2]))) as connection:
        reply = call_over(
            connection, machine.key_file.read_text().strip(), body, signer="edwards", key="e-1"
        )
    assert reply.status == 200, reply
    pem = admin.run("signer", "certificate", "edwards").out
    public_key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(public_key, Ed25519PublicKey)
    public_key.verify(base64.b64decode(reply.text), b"abc")

    (row,) = admin.json("audit", "list", "--signer", "edwards", "--kind", "sign")["items"]
    digest = base64.b64encode(hashlib.sha512(b"abc").digest()).decode()
    assert (row["scheme"], row["hash"], row["digest"]) == ("ed25519", "none", digest)
    assert admin.json("audit", "verify")["intact"] is True

    admin.json("policy", "create", "short", "--max-signings", "1", "--hash", "sha256")
    admin.json("signer", "set-policy", "edwards", "short")
    machine.json("request", "create", "edwards", "--why", "1.2")
    told = admin.json("signer", "explain", "edwards", "--identity", name, "--hash", "none")
    assert (told["allowed"], told["code"]) == (False, "algorithm_not_allowed")


def test_certificates_are_pem_from_leaf_to_root(admin: Caller) -> None:
    made = admin.json(
        "signer", "create", "certified", "--key", "p384", "--common-name", "Certified"
    )
    leaf = x509.load_pem_x509_certificates(
        admin.run("signer", "certificate", "certified").out.encode()
    )
    assert [f"{each.serial_number:032x}" for each in leaf] == [made["certificate_serial"].zfill(32)]
    chain = x509.load_pem_x509_certificates(
        admin.run("signer", "certificate", "certified", "--chain").out.encode()
    )
    authority = x509.load_pem_x509_certificates(admin.run("ca", "certificate").out.encode())
    assert chain == [*leaf, *authority]
    for certificate, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
        certificate.verify_directly_issued_by(issuer)


def test_an_external_signer_waits_for_its_certificate(admin: Caller, tmp_path: Path) -> None:
    made = admin.json(
        "signer", "create", "outside", "--key", "p256", "--common-name", "Outside", "--external"
    )
    assert (made["status"], made["not_after"]) == ("pending", None)
    assert admin.run("signer", "certificate", "outside").code == 1
    request = admin.run("signer", "csr", "outside").out
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certify(request.encode()))
    installed = admin.json("signer", "install-certificate", "outside", "--chain", chain)
    assert installed["status"] == "active"


def test_what_is_no_pem_is_not_sent(admin: Caller, tmp_path: Path) -> None:
    chain = tmp_path / "chain.der"
    chain.write_bytes(b"\x30\x82\x01\x00")
    ended = admin.run("signer", "install-certificate", "any", "--chain", chain)
    assert ended.code == 1
    assert "holds no certificate in PEM" in ended.err


def test_members_come_change_and_go(admin: Caller, machine: Caller, tmp_path: Path) -> None:
    name = tmp_path.name
    admin.json("signer", "create", "club", "--key", "p256", "--common-name", "Club")
    unseen = machine.run("signer", "show", "club")
    assert "code signer_not_found" in unseen.err
    added = admin.json("member", "add", "club", name, "--role", "auditor")
    assert (added["signer"], added["identity"], added["role"]) == ("club", name, "auditor")
    assert machine.json("signer", "show", "club")["role"] == "auditor"
    admin.json("member", "add", "club", name, "--role", "operator")
    (member,) = admin.json("member", "list", "club")["items"]
    assert member["role"] == "operator"
    assert admin.json("member", "remove", "club", name)["removed"] is True
    assert admin.json("member", "list", "club") == {"items": [], "next": None}


def test_a_group_is_filled_named_and_emptied(admin: Caller) -> None:
    for user in ("gina", "gus"):
        admin.json("identity", "create", user, "--kind", "user")
    assert admin.json("group", "create", "guards")["users"] == []
    admin.json("group", "add", "guards", "gus")
    assert admin.json("group", "add", "guards", "gina")["users"] == ["gina", "gus"]
    admin.json("policy", "create", "guarded", "--max-signings", "1", "--step", "two:2:@guards")
    assert "two (2 of @guards)" in admin.run("policy", "list").out
    made = ("signer", "create", "vault", "--key", "p256", "--common-name", "Vault")
    admin.json(*made, "--policy", "guarded")
    admin.json("member", "add", "vault", "@guards", "--role", "operator")
    (member,) = admin.json("member", "list", "vault")["items"]
    assert (member["identity"], member["role"]) == ("@guards", "operator")
    shown = admin.run("group", "show", "guards").out
    assert re.search(r"policies +guarded\n.*signers +vault", shown)
    assert re.search(r"\nguards +gina, gus ", admin.run("group", "list").out)
    kept = admin.run("group", "remove", "guards", "gus")
    assert (kept.code, "code policy_cannot_be_met" in kept.err) == (1, True)
    used = admin.run("group", "delete", "guards")
    assert (used.code, "sealwright group show NAME" in used.err) == (1, True)
    admin.json("group", "create", "spare")
    admin.json("group", "add", "spare", "gina")
    gone = admin.run("group", "remove", "spare", "gina")
    assert (gone.code, gone.err) == (0, "gina is in spare no more.\n")
    assert admin.json("group", "delete", "spare") == {"name": "spare", "deleted": True}


def test_a_protected_policy_turns_a_change_of_its_group_into_a_proposal(admin: Caller) -> None:
    admin.json("identity", "create", "petra", "--kind", "user")
    admin.json("group", "create", "judges")
    admin.json("group", "add", "judges", "petra")
    step = ("--step", "one:1:@judges", "--protected")
    admin.json("policy", "create", "judged", "--max-signings", "1", *step)
    made = ("signer", "create", "court", "--key", "p256", "--common-name", "Court")
    admin.json(*made, "--policy", "judged")
    proposed = admin.run("group", "add", "judges", "admin")
    assert proposed.code == 4
    assert "group:add" in proposed.out
    assert admin.json("group", "show", "judges")["users"] == ["petra"]


def test_an_rsa_2048_signer_and_a_certificate_that_ends_soon_are_warned_about(
    admin: Caller,
) -> None:
    ended = admin.run(
        "signer", "create", "weak", "--key", "rsa-2048", "--common-name", "Weak", "--days", "7"
    )
    assert ended.code == 0
    assert ended.err.count("warning: ") == 2
    listed = admin.run("signer", "list", "--json")
    json.loads(listed.out)
    assert "warning: " in listed.err


def test_a_policy_under_which_a_signer_can_never_sign_is_warned_about(admin: Caller) -> None:
    admin.json("policy", "create", "short-hash", "--max-signings", "5", "--hash", "sha256")
    new = ("signer", "create", "edwards", "--key", "ed25519", "--common-name", "Edwards")
    assert "warning: " not in admin.run(*new).err
    ended = admin.run("signer", "set-policy", "edwards", "short-hash")
    assert ended.code == 0
    assert "warning: " in ended.err
    assert "sealwright policy edit short-hash --hash sha256,sha512" in ended.err


def test_lists_come_in_pages(admin: Caller) -> None:
    seen: list[str] = []
    more: list[str] = []
    while True:
        page = admin.json("identity", "list", "--limit", "1", *more)
        seen += [each["name"] for each in page["items"]]
        if page["next"] is None:
            break
        more = ["--cursor", page["next"]]
    assert seen == sorted(set(seen))
    assert len(seen) >= 1
    for_people = admin.run("identity", "list", "--limit", "1")
    assert len(for_people.out.splitlines()) == 2
    assert ("--cursor" in for_people.err) == (len(seen) > 1)


def test_changes_are_in_the_log_newest_first(admin: Caller) -> None:
    admin.json("identity", "create", "logged", "--kind", "machine")
    page = admin.json("audit", "list", "--kind", "change", "--limit", "5")
    sequences = [row["sequence"] for row in page["items"]]
    assert sequences == sorted(sequences, reverse=True)
    assert page["items"][0]["action"] == "identity:create"
    assert page["items"][0]["object"] == "logged"
    assert page["items"][0]["actor"] == "admin"
    later = admin.json("audit", "list", "--since", "2999-01-01T00:00:00Z")
    assert later["items"] == []


def exported(admin: Caller, path: Path) -> list[dict[str, Any]]:
    ended = admin.run("audit", "export")
    assert ended.code == 0, ended.err
    path.write_text(ended.out)
    return [json.loads(line) for line in ended.out.splitlines()]


def verified(*arguments: str | Path, given: bytes = b"") -> tuple[int, dict[str, Any]]:
    ended = run("audit", "verify", *arguments, "--json", given=given)
    return ended.code, ended.json()


def test_an_export_is_verified_without_a_server(admin: Caller, tmp_path: Path) -> None:
    admin.json("identity", "create", "for-the-log", "--kind", "machine")
    log = tmp_path / "log.ndjson"
    rows = exported(admin, log)
    head = rows[-1]["row_hash"]
    sound = {"rows": len(rows), "intact": True, "first_bad_sequence": None, "head": head}
    assert verified(log) == (0, sound)
    assert verified("-", given=log.read_bytes()) == (0, sound)
    assert verified(log, "--expect-head", head) == (0, sound)
    assert admin.run("audit", "verify").code == 0


def test_what_an_export_commits_to_can_be_left_out(admin: Caller, tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    rows = exported(admin, log)
    for row in rows:
        del row["api_key_id"], row["credential_id_salt"]
        if row["credential"] is not None:
            del row["credential"]["id"]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, verdict = verified(log)
    assert (code, verdict["intact"], verdict["head"]) == (0, True, rows[-1]["row_hash"])


def test_a_row_of_a_newer_version_is_said_to_be_one(admin: Caller, tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    rows = exported(admin, log)
    rows[1]["version"] = 3
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = run("audit", "verify", log, "--json")
    assert (ended.code, ended.json()["intact"]) == (1, False)
    assert "row 2 was made by a newer version of Sealwright" in ended.err


def test_a_log_that_was_tampered_with_is_1_and_says_where(admin: Caller, tmp_path: Path) -> None:
    for name in ("tampered-with", "after-it"):
        admin.json("identity", "create", name, "--kind", "machine")
    log = tmp_path / "log.ndjson"
    rows = exported(admin, log)
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

    assert run("audit", "verify", "-", "--json", given=b"not a row\n").code == 2


def test_the_key_is_never_in_the_process_list(admin: Caller) -> None:
    key = admin.key_file.read_text().strip()
    with subprocess.Popen(
        [*COMMAND, "audit", "export", "--url", admin.url],
        env=surroundings(NOWHERE) | {"SEALWRIGHT_API_KEY": key},
        stdout=subprocess.DEVNULL,
    ) as process:
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert key.encode() not in arguments


def test_the_reader_of_an_export_may_go_away(admin: Caller) -> None:
    command = f"{' '.join(COMMAND)} audit list --limit 1000 | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", command],
        env=surroundings(NOWHERE)
        | {
            "SEALWRIGHT_URL": admin.url,
            "SEALWRIGHT_API_KEY_FILE": str(admin.key_file),
        },
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in ended.stderr


def test_settings_are_listed_and_set(admin: Caller) -> None:
    before = admin.json("settings", "list")["items"]
    assert {"name": "approval-hold", "value": "24h"}.items() <= before[0].items()
    assert admin.json("settings", "set", "approval-hold", "36h")["value"] == "36h"
    lines = admin.run("settings", "list").out.splitlines()
    assert lines[1].split()[:3] == ["approval-hold", "36h", "24h"]
    refused = admin.run("settings", "set", "approval-hold", "40d")
    assert (refused.code, "field value" in refused.err) == (1, True)
    assert "sealwright settings list" in admin.run("settings", "set", "x", "y").err
    admin.json("settings", "set", "approval-hold", "24h")
