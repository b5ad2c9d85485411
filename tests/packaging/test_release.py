"""A release: what `make release` signs, `make release-check` proves; what was bent, it names."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK: list[str | Path] = [sys.executable, ROOT / "packaging/release/check.py"]
FILES = {"sealwright.whl": b"a wheel", "sealwright.deb": b"a package"}


def check(release: Path, *given: str | Path) -> tuple[int, list[str]]:
    """The exit code, and what is said of each file."""
    ended = subprocess.run(
        [*CHECK, release, *given], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.stderr == ""
    lines = [line for line in ended.stdout.splitlines() if line.startswith(("ok ", "FAIL "))]
    return ended.returncode, lines


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files and their sums, signed by a control plane that is gone now."""
    release = tmp_path_factory.mktemp("release")
    sums = []
    for name, content in sorted(FILES.items()):
        (release / name).write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (release / "SHA256SUMS").write_text("".join(sums))
    ended = subprocess.run(
        [ROOT / "packaging/release/sign", release], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("release: 3 files signed by release")
    return release


@pytest.fixture
def release(signed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(signed, tmp_path / "release")


def test_each_file_has_a_signature_a_timestamp_and_a_receipt_that_verify_offline(
    release: Path, tmp_path: Path
) -> None:
    """By what the reader has from elsewhere."""
    root = shutil.move(release / "root.pem", tmp_path / "root.pem")
    log_key = (release / "log.key").read_text().strip()
    (release / "log.key").unlink()
    code, lines = check(release, "--root", root, "--log-key", log_key)
    assert lines == ["ok    SHA256SUMS", "ok    sealwright.deb", "ok    sealwright.whl"]
    assert code == 0


def of_another(release: Path, ending: str) -> None:
    shutil.copy(release / f"sealwright.deb{ending}", release / f"sealwright.whl{ending}")


def without_its_timestamp(release: Path) -> None:
    from asn1crypto import cms

    signature = release / "sealwright.whl.p7s"
    content = cms.ContentInfo.load(signature.read_bytes())
    del content["content"]["signer_infos"][0]["unsigned_attrs"]
    signature.write_bytes(content.dump())


def with_the_timestamp_of_another(release: Path) -> None:
    from asn1crypto import cms

    bent, other = (release / f"sealwright.{end}.p7s" for end in ("whl", "deb"))
    content, another = (cms.ContentInfo.load(file.read_bytes()) for file in (bent, other))
    stamp = another["content"]["signer_infos"][0]["unsigned_attrs"]
    content["content"]["signer_infos"][0]["unsigned_attrs"] = stamp
    bent.write_bytes(content.dump())


def signature_is_junk(release: Path) -> None:
    (release / "sealwright.whl.p7s").write_bytes(b"junk")


def linked(release: Path) -> None:
    shutil.move(release / "sealwright.whl", release.parent / "elsewhere")
    (release / "sealwright.whl").symlink_to(release.parent / "elsewhere")


def piped(release: Path) -> None:
    (release / "sealwright.whl").unlink()
    os.mkfifo(release / "sealwright.whl")


BENT: dict[str, tuple[Callable[[Path], object], str]] = {
    "the file": (
        lambda release: (release / "sealwright.whl").write_bytes(b"another"),
        "it is not what SHA256SUMS has",
    ),
    "no file": (lambda release: (release / "sealwright.whl").unlink(), "it is missing"),
    "no signature": (
        lambda release: (release / "sealwright.whl.p7s").unlink(),
        "sealwright.whl.p7s is missing",
    ),
    "no receipt": (
        lambda release: (release / "sealwright.whl.tlog-proof").unlink(),
        "sealwright.whl.tlog-proof is missing",
    ),
    "another's signature": (lambda release: of_another(release, ".p7s"), "its signature: "),
    "another's receipt": (
        lambda release: of_another(release, ".tlog-proof"),
        "its receipt: file_differs: ",
    ),
    "no timestamp": (without_its_timestamp, "its signature has no timestamp"),
    "junk for a signature": (signature_is_junk, "its signature is no CMS with one signer"),
    "a link": (linked, "sealwright.whl is no plain file"),
    "a pipe": (piped, "sealwright.whl is no plain file"),
    "another's timestamp": (with_the_timestamp_of_another, "its timestamp: "),
}


@pytest.mark.parametrize("what", BENT)
def test_what_is_bent_is_named(release: Path, what: str) -> None:
    bend, fault = BENT[what]
    bend(release)
    code, lines = check(release)
    assert [line for line in lines if line.startswith("FAIL")] == [lines[-1]]
    assert lines[-1].startswith(f"FAIL  sealwright.whl: {fault}")
    assert code == 1


def test_a_file_that_nobody_summed_is_named(release: Path) -> None:
    (release / "added.whl").write_bytes(b"not of this release")
    code, lines = check(release)
    assert (code, lines[1]) == (1, "FAIL  added.whl: SHA256SUMS does not have it")


def test_what_is_beside_no_file_is_named(release: Path) -> None:
    names = ("added.tlog-proof", "added.whl.p7s", "sealwright.p7s")
    for name in names:
        (release / name).mkdir()
    code, lines = check(release)
    assert code == 1
    assert [line for line in lines if line.startswith("FAIL")] == [
        f"FAIL  {name}: SHA256SUMS does not have it" for name in names
    ]


def test_a_root_or_a_log_key_beside_the_files_that_is_not_the_one_given_is_named(
    release: Path, tmp_path: Path
) -> None:
    root = shutil.copy(release / "root.pem", tmp_path / "root.pem")
    log_key = (release / "log.key").read_text().strip()
    assert check(release, "--root", root, "--log-key", log_key)[0] == 0
    (release / "root.pem").write_text("another")
    (release / "log.key").write_text("another")
    code, lines = check(release, "--root", root, "--log-key", log_key)
    assert code == 1
    assert lines[:2] == [
        "FAIL  root.pem: it is not the root that was given",
        "FAIL  log.key: it is not the log's key that was given",
    ]


def test_a_name_writes_over_no_line(release: Path) -> None:
    (release / "a\r\x1b[2Kok    a").touch()
    code, lines = check(release)
    assert code == 1
    assert r"FAIL  a\r\x1b[2Kok    a: SHA256SUMS does not have it" in lines


@pytest.mark.parametrize("line", [b"\xff", b"no sum", b"0" * 64 + b"  ../etc/passwd"])
def test_a_line_that_is_no_sum_is_named(release: Path, line: bytes) -> None:
    with (release / "SHA256SUMS").open("ab") as sums:
        sums.write(line + b"\n")
    code, lines = check(release)
    assert code == 1
    assert lines[0].startswith("FAIL  SHA256SUMS: it has ")


def test_neither_another_root_nor_another_log_nor_another_signer_will_do(
    release: Path, tmp_path: Path
) -> None:
    name = (release / "log.key").read_text().split("+")[0]
    key = b"\x01" + b"\xab" * 32
    number = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8]
    other_log = f"{name}+{number}+{base64.b64encode(key).decode()}"
    other_root = tmp_path / "other.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=Other", "-keyout", tmp_path / "key", "-out", other_root),
        ],
        check=True,
        capture_output=True,
    )
    for given in (("--root", other_root), ("--log-key", other_log), ("--signer", "other")):
        code, lines = check(release, *given)
        assert code == 1
        assert {line.split()[0] for line in lines} == {"FAIL"}, given
