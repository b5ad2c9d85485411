"""sealwright receipt verify: offline, with the log's key and nothing of the server."""

import re
from pathlib import Path
from typing import Any, BinaryIO

import click

from sealwright.cli.options import LocalCommand, invocation
from sealwright.cli.output import print_object
from sealwright.cli.receipt_text import tell_invalid, tell_valid
from sealwright.receipt.artifact.check import check_digest, check_file
from sealwright.receipt.fault import NotValidError, Reason
from sealwright.receipt.file import LARGEST_FILE, parse_receipts
from sealwright.receipt.note import KeyKind, VerifierKey
from sealwright.receipt.verification import Verified, check_approvers
from sealwright.receipt.verification import verify as verify_receipts


class _Key(click.ParamType[VerifierKey]):
    name = "key"

    def __init__(self, kind: KeyKind, of_whom: str) -> None:
        self._kind = kind
        self._of_whom = of_whom

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> VerifierKey:
        try:
            key = VerifierKey.parse(str(value))
        except ValueError as fault:
            self.fail(f"{value!r}: {fault}", parameter, context)
        if key.kind is not self._kind:
            self.fail(f"{value!r} is not a key of {self._of_whom}", parameter, context)
        return key


class _Digest(click.ParamType[bytes]):
    name = "digest"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> bytes:
        text = str(value)
        if not re.fullmatch("([0-9a-fA-F]{2})+", text):
            self.fail(f"{value!r} is no digest in hex", parameter, context)
        return bytes.fromhex(text)


class _Approver(click.ParamType[str]):
    """The name. No key can be held against a row of the versions that there are."""

    name = "approver"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> str:
        approver, _, key = str(value).partition("=")
        if not approver or not key:
            self.fail(f"{value!r} is not NAME=KEY", parameter, context)
        return approver


@click.command(cls=LocalCommand)
@click.argument("receipt", type=click.File("rb"), metavar="FILE")
@click.option(
    "--log-key",
    type=_Key(KeyKind.ED25519, "a log"),
    required=True,
    metavar="KEY",
    help="The verifier key of the log, as its operator publishes it (sealwright log key).",
)
@click.option(
    "--digest", type=_Digest(), metavar="HEX", help="The digest that is to have been signed."
)
@click.option(
    "--file",
    "artifact",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="F",
    help="The file that is to have been signed: the digest is its hash, or it carries the "
    "signature (JAR, APK, PE, MSI, CAB, CMS) and leads to it.",
)
@click.option(
    "--signature",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="S",
    help="With --file: its detached CMS signature, DER or PEM.",
)
@click.option(
    "--witness",
    "witnesses",
    type=_Key(KeyKind.COSIGNATURE, "a witness"),
    multiple=True,
    metavar="KEY",
    help="The verifier key of a witness that must have signed. May be repeated.",
)
@click.option(
    "--approver",
    "approvers",
    type=_Approver(),
    multiple=True,
    metavar="NAME=KEY",
    help="An approver whose decision must be signed with this key. May be repeated. Approvals by "
    "API key have no such signature, and are refused with this.",
)
def verify(
    receipt: BinaryIO,
    log_key: VerifierKey,
    digest: bytes | None,
    artifact: Path | None,
    signature: Path | None,
    witnesses: tuple[VerifierKey, ...],
    approvers: tuple[str, ...],
) -> None:
    """Check a receipt offline, and say what it says; exit 1 if it is not valid.

    That the row stands in the log of this key, that each witness named has seen that log, and with
    --digest or --file that it is about that digest or file.
    """
    if digest is not None and artifact is not None:
        raise click.UsageError("Give --digest or --file, not both.")
    if signature is not None and artifact is None:
        raise click.UsageError("--signature is of a file: name that with --file.")
    verified = None
    try:
        verified = _verified(receipt.read(LARGEST_FILE + 1), log_key, witnesses)
        check_approvers(verified, approvers)
        if digest is not None:
            check_digest(verified.proven.row, digest)
        holds_by = None if artifact is None else _check_file(verified, artifact, signature)
    except NotValidError as fault:
        if invocation().json:
            print_object(_report(verified, fault))
        else:
            tell_invalid(verified, fault)
        click.get_current_context().exit(1)
    if invocation().json:
        print_object(_report(verified, None) | {"holds_by": holds_by})
    else:
        tell_valid(verified, log_key, digest, artifact, holds_by)


def _verified(octets: bytes, log_key: VerifierKey, witnesses: tuple[VerifierKey, ...]) -> Verified:
    try:
        receipts = parse_receipts(octets)
    except ValueError as fault:
        raise NotValidError(Reason.MALFORMED, f"this is no receipt: {fault}") from None
    return verify_receipts(receipts, log_key, witnesses)


def _check_file(verified: Verified, path: Path, signature: Path | None) -> str:
    try:
        return check_file(verified.proven.row, path, signature)
    except OSError as fault:
        raise click.UsageError(f"{fault.filename} cannot be read: {fault.strerror}") from None


def _report(verified: Verified | None, fault: NotValidError | None) -> dict[str, Any]:
    """What is proven even where a file or an approval is not what it should be."""
    report: dict[str, Any] = {
        "valid": fault is None,
        "origin": None,
        "tree_size": None,
        "index": None,
        "operation": None,
        "witnesses": [],
        "reason": None if fault is None else fault.reason.value,
        "detail": None if fault is None else str(fault),
    }
    if verified is not None:
        proven = verified.proven
        report |= {
            "origin": proven.receipt.checkpoint.origin,
            "tree_size": proven.receipt.checkpoint.tree_size,
            "index": proven.receipt.index,
            "operation": proven.hashed.said
            | {"client": proven.client, "row_hash": proven.hashed.row_hash.hex()},
            "witnesses": [each.by for each in proven.witnesses],
        }
    return report
