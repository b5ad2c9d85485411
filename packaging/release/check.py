"""make release-check: whether each file of a release is what was summed, signed, timestamped and
logged, without a network. Exits 1 where one is not."""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from asn1crypto import cms, tsp

from sealwright.receipt.artifact.check import check_file as check_artifact
from sealwright.receipt.fault import NotValidError
from sealwright.receipt.file import parse_receipts
from sealwright.receipt.note import VerifierKey
from sealwright.receipt.verification import verify

SUMS = "SHA256SUMS"
BESIDE = (".p7s", ".tlog-proof")
GIVEN_WITH_IT = {"root.pem", "log.key"}


class NotProvenError(Exception):
    """What does not hold of a file."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known from elsewhere: the root's PEM file, the log's verifier key, the signer."""

    root: Path
    log_key: VerifierKey
    signer: str


def summed(release: Path) -> dict[str, str]:
    """File name to SHA-256 in hex, as SHA256SUMS has them."""
    lines = (release / SUMS).read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def check_sum(file: Path, digest: str | None) -> None:
    if digest is None:
        raise NotProvenError(f"{SUMS} does not have it")
    with file.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != digest:
            raise NotProvenError(f"it is not what {SUMS} has")


def must_run(what: str, *command: str | Path) -> None:
    """Raises NotProvenError with the last line that the command wrote."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        said = (ended.stdout + ended.stderr).strip().splitlines() or ["no reason given"]
        raise NotProvenError(f"{what}: {said[-1].strip()}")


def check_timestamp(signature: Path, trust: Trust) -> int:
    """When the signature was there, in seconds since the epoch."""
    (signer,) = cms.ContentInfo.load(signature.read_bytes())["content"]["signer_infos"]
    tokens = [
        value
        for attribute in signer["unsigned_attrs"] or ()
        if attribute["type"].native == "signature_time_stamp_token"
        for value in attribute["values"]
    ]
    if len(tokens) != 1:
        raise NotProvenError("its signature has no timestamp")
    content: tsp.TSTInfo = tokens[0]["content"]["encap_content_info"]["content"].parsed
    at = int(content["gen_time"].native.timestamp())
    with TemporaryDirectory() as scratch:
        token, stamped = Path(scratch, "token"), Path(scratch, "stamped")
        token.write_bytes(tokens[0].dump())
        stamped.write_bytes(signer["signature"].native)
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
        if not beside.is_file():
            raise NotProvenError(f"{beside.name} is missing")
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
        check_artifact(row, file, signature)
    except NotValidError as fault:
        raise NotProvenError(f"its receipt: {fault.reason.value}: {fault}") from None
    except ValueError as fault:
        raise NotProvenError(f"its receipt is none: {fault}") from None
    if row.signer != trust.signer:
        raise NotProvenError(f"it was signed by the signer {row.signer}, not by {trust.signer}")


def check(release: Path, trust: Trust) -> Iterator[tuple[str, str | None]]:
    """Each file's name, and what does not hold of it."""
    sums = summed(release)
    files = {
        file.name
        for file in release.iterdir()
        if not file.name.endswith(BESIDE) and file.name not in GIVEN_WITH_IT
    }
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", type=Path, nargs="?", default=Path("dist/release"))
    parser.add_argument("--root", type=Path, help="the root's certificate, PEM")
    parser.add_argument("--log-key", help="the log's verifier key")
    parser.add_argument("--signer", default="release", help="who has to have signed it")
    given = parser.parse_args()
    needed = [SUMS, *(["root.pem"] if given.root is None else [])]
    needed += ["log.key"] if given.log_key is None else []
    for name in needed:
        if not (given.release / name).is_file():
            sys.stderr.write(f"release-check: {given.release / name} is missing\n")
            return 2
    log_key = given.log_key or (given.release / "log.key").read_text().strip()
    try:
        key = VerifierKey.parse(log_key)
    except ValueError as fault:
        sys.stderr.write(f"release-check: {log_key!r}: {fault}\n")
        return 2
    trust = Trust(given.root or given.release / "root.pem", key, given.signer)
    if given.root is None or given.log_key is None:
        sys.stdout.write(
            "release-check: the root or the log's key is the one that came with the files: this\n"
            "shows that they fit together, not who made them. Give --root and --log-key.\n"
        )
    faults = 0
    for name, found in check(given.release, trust):
        line = f"ok    {name}" if found is None else f"FAIL  {name}: {found}"
        sys.stdout.write(f"{line}\n")
        faults += found is not None
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
