"""make release-check: whether each file of a release is what was summed, signed, timestamped and
logged, without a network. Exits 1 where one is not."""

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from asn1crypto import cms, tsp

from sealwright.receipt.artifact.check import BY_HASH
from sealwright.receipt.artifact.check import check_file as check_artifact
from sealwright.receipt.fault import NotValidError
from sealwright.receipt.file import parse_receipts
from sealwright.receipt.note import VerifierKey
from sealwright.receipt.verification import verify

SUMS = "SHA256SUMS"
BESIDE = (".p7s", ".tlog-proof")
ROOT = "root.pem"
LOG_KEY = "log.key"
GIVEN_WITH_IT = {ROOT, LOG_KEY}
_LINE = re.compile("([0-9a-f]{64})  ([^/]+)")
_CERTIFICATE = re.compile(b"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


class NotProvenError(Exception):
    """What does not hold of a file."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known from elsewhere: the root's PEM file, the log's verifier key, the signer."""

    root: Path
    log_key: VerifierKey
    signer: str


def summed(release: Path) -> dict[str, str]:
    """File name to SHA-256 in hex, as SHA256SUMS has them. Raises NotProvenError."""
    must_be_plain(release / SUMS)
    sums: dict[str, str] = {}
    for line in (release / SUMS).read_text(errors="surrogateescape").split("\n")[:-1]:
        parts = _LINE.fullmatch(line)
        if parts is None or parts[2] in sums:
            raise NotProvenError(f"it has {line!r}, which is no sum, or one of a file that has one")
        sums[parts[2]] = parts[1]
    return sums


def must_be_plain(file: Path) -> None:
    """Whoever checked a link has not checked what it leads to later; a pipe never ends."""
    if file.is_symlink() or not file.is_file():
        raise NotProvenError(f"{file.name} is no plain file")


def check_sum(file: Path, digest: str | None) -> None:
    if digest is None:
        raise NotProvenError(f"{SUMS} does not have it")
    must_be_plain(file)
    with file.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != digest:
            raise NotProvenError(f"it is not what {SUMS} has")


def must_run(what: str, *command: str | Path) -> None:
    """Raises NotProvenError with the last line that the command wrote."""
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if ended.returncode != 0:
        said = (ended.stdout + ended.stderr).strip().splitlines() or ["no reason given"]
        raise NotProvenError(f"{what}: {said[-1].strip()}")


def read_signature(signature: Path) -> tuple[bytes, list[tuple[bytes, int]]]:
    """What its one signer signed with, and the timestamps of that: tokens in DER, and what they say
    in seconds since the epoch. Raises NotProvenError."""
    try:
        (signer,) = cms.ContentInfo.load(signature.read_bytes(), strict=True)["content"][
            "signer_infos"
        ]
        tokens = []
        for attribute in signer["unsigned_attrs"] or ():
            if attribute["type"].native == "signature_time_stamp_token":
                for token in attribute["values"]:
                    said: tsp.TSTInfo = token["content"]["encap_content_info"]["content"].parsed
                    tokens.append((token.dump(), int(said["gen_time"].native.timestamp())))
        return signer["signature"].native, tokens
    except Exception:  # noqa: BLE001  # whatever the library raises of what makes no sense to it
        raise NotProvenError("its signature is no CMS with one signer") from None


def check_timestamp(signature: Path, trust: Trust) -> int:
    """When the signature was there, in seconds since the epoch."""
    signed, tokens = read_signature(signature)
    if len(tokens) != 1:
        raise NotProvenError("its signature has no timestamp")
    ((octets, at),) = tokens
    with TemporaryDirectory() as scratch:
        token, stamped = Path(scratch, "token"), Path(scratch, "stamped")
        token.write_bytes(octets)
        stamped.write_bytes(signed)
        must_run(
            "its timestamp",
            *("openssl", "ts", "-verify", "-token_in", "-in", token, "-data", stamped),
            *("-CAfile", trust.root, "-attime", str(at)),
        )
    return at


def check_file(file: Path, digest: str | None, trust: Trust) -> None:
    """Raises NotProvenError."""
    if file.name != SUMS:
        check_sum(file, digest)
    signature, receipt = (file.with_name(file.name + end) for end in BESIDE)
    for beside in (signature, receipt):
        if not (beside.exists() or beside.is_symlink()):
            raise NotProvenError(f"{beside.name} is missing")
        must_be_plain(beside)
    at = check_timestamp(signature, trust)
    must_run(
        "its signature",
        *("openssl", "cms", "-verify", "-inform", "DER", "-in", signature, "-binary"),
        *("-content", file, "-CAfile", trust.root, "-purpose", "any", "-attime", str(at)),
        *("-out", "/dev/null"),
    )
    check_receipt(receipt, signature, file, trust)


def check_receipt(receipt: Path, signature: Path, file: Path, trust: Trust) -> None:
    try:
        receipts = parse_receipts(receipt.read_bytes())
        row = verify(receipts, trust.log_key, ()).proven.row
        how = check_artifact(row, file, signature)
    except NotValidError as fault:
        raise NotProvenError(f"its receipt: {fault.reason.value}: {fault}") from None
    except ValueError as fault:
        raise NotProvenError(f"its receipt is none: {fault}") from None
    if how == BY_HASH:  # the signature beside the file, of whomever it is, was not looked at
        raise NotProvenError("its receipt is of another signature of it")
    if row.signer != trust.signer:
        raise NotProvenError(f"it was signed by the signer {row.signer}, not by {trust.signer}")


def check(release: Path, trust: Trust) -> Iterator[tuple[str, str | None]]:
    """Each file's name, and what does not hold of it."""
    try:
        sums = summed(release)
    except NotProvenError as fault:
        yield SUMS, str(fault)
        return
    there = {file.name for file in release.iterdir()} - GIVEN_WITH_IT
    of_them = {name + end for name in {*sums, SUMS} for end in BESIDE}
    files = there - of_them
    for name in sorted(files | set(sums) | {SUMS}):
        if name not in files:
            yield name, "it is missing"
            continue
        try:
            check_file(release / name, sums.get(name), trust)
        except NotProvenError as fault:
            yield name, str(fault)
        else:
            yield name, None


def certificates(file: Path) -> set[bytes]:
    return {b"".join(pem.split()) for pem in _CERTIFICATE.findall(file.read_bytes())}


def has_log_key(file: Path, key: VerifierKey) -> bool:
    try:
        return VerifierKey.parse(file.read_text().strip()) == key
    except ValueError:
        return False


def check_given_with_it(release: Path, trust: Trust) -> Iterator[tuple[str, str]]:
    """What came with the files and is not what is known from elsewhere: others would trust it."""
    root, log_key = release / ROOT, release / LOG_KEY
    if root.exists() and not (
        root.is_file() and certificates(root) and certificates(root) <= certificates(trust.root)
    ):
        yield ROOT, "it is not the root that was given"
    if log_key.exists() and not (log_key.is_file() and has_log_key(log_key, trust.log_key)):
        yield LOG_KEY, "it is not the log's key that was given"


def shown(line: str) -> str:
    """On a terminal; names may be made to write over others."""
    return line if line.isprintable() else ascii(line)[1:-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path, nargs="?", default=Path("dist/release"))
    parser.add_argument("--root", type=Path, help="the root's certificate, PEM")
    parser.add_argument("--log-key", help="the log's verifier key")
    parser.add_argument("--signer", default="release", help="who has to have signed it")
    given = parser.parse_args()
    needed = [SUMS, *([ROOT] if given.root is None else [])]
    needed += [LOG_KEY] if given.log_key is None else []
    for name in needed:
        if not (given.release / name).is_file():
            sys.stderr.write(f"release-check: {given.release / name} is missing\n")
            return 2
    log_key = given.log_key or (given.release / LOG_KEY).read_text().strip()
    try:
        key = VerifierKey.parse(log_key)
    except ValueError as fault:
        sys.stderr.write(f"release-check: {log_key!r}: {fault}\n")
        return 2
    trust = Trust(given.root or given.release / ROOT, key, given.signer)
    if given.root is None or given.log_key is None:
        sys.stdout.write(
            "release-check: the root or the log's key is the one that came with the files: this\n"
            "shows that they fit together, not who made them. Give --root and --log-key.\n"
        )
    faults = 0
    for name, found in chain(
        check_given_with_it(given.release, trust), check(given.release, trust)
    ):
        line = f"ok    {name}" if found is None else f"FAIL  {name}: {found}"
        sys.stdout.write(f"{shown(line)}\n")
        faults += found is not None
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
