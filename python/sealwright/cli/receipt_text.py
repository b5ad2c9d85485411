"""What a receipt says, in words for whoever was given it; 80 columns."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size

import click

from sealwright.cli.columns import padded, width, wrapped
from sealwright.cli.text import printable
from sealwright.receipt.fault import NotValidError
from sealwright.receipt.note import VerifierKey
from sealwright.receipt.row import CHANGE, SIGN, TIMESTAMP, Client, Row
from sealwright.receipt.verification import Decision, Proven, Verified

_COLUMNS = 80
_MOST_ROOM = 30
_Lines = Iterator[tuple[str, str]]


def tell_valid(
    verified: Verified,
    log_key: VerifierKey,
    digest: bytes | None,
    artifact: Path | None,
    holds_by: str | None,
) -> None:
    row = verified.proven.row
    _paragraph(
        f"Valid: row {row.sequence} stands in the log {verified.proven.receipt.checkpoint.origin}."
    )
    if row.kind == SIGN and not row.is_signature:
        _paragraph(f"Nothing was signed: the call was {row.outcome} ({row.reason}).")
    if row.kind == TIMESTAMP:
        _paragraph("Nobody signed anything by it: it is a timestamp, for which anybody may ask.")
    click.echo()
    _facts(
        [
            *_what(row),
            *_who(verified),
            *_approvals(verified.decisions),
            *_client(verified.proven.client),
            *_match(digest, artifact, holds_by),
            *_log(verified.proven, log_key),
        ]
    )
    click.echo()
    for sentence in _not_checked(verified, digest, artifact):
        _paragraph(sentence)


def tell_invalid(verified: Verified | None, fault: NotValidError) -> None:
    _paragraph(f"Not valid ({fault.reason}): {fault}.")
    if verified is not None:
        _paragraph(
            f"The receipt itself holds: row {verified.proven.row.sequence} stands in the log "
            f"{verified.proven.receipt.checkpoint.origin}."
        )


def _what(row: Row) -> _Lines:
    if row.kind == TIMESTAMP:
        yield "timestamp", f"serial {row.object}"
    elif row.kind != SIGN:
        title = row.kind if row.kind == CHANGE else f"row of kind {row.kind}"
        yield title, " ".join(filter(None, [row.action, row.object]))
    if row.digest is not None:
        made_with = ", ".join(filter(None, [row.hash, row.scheme]))
        yield "digest", f"{row.digest.hex()} ({made_with})"
    if row.certificate_serial is not None:
        of = f", of signer {row.signer}" if row.signer is not None else ""
        yield "certificate", f"serial {row.certificate_serial}{of}"
    elif row.signer is not None:
        yield "signer", row.signer
    if row.kind != SIGN:
        for name, value in (row.details or {}).items():
            if value is not None:
                yield _DETAILS.get((row.kind, name), name.replace("_", " ")), str(value)


_DETAILS = {(TIMESTAMP, "at"): "time in it"}
"""Those that their name does not explain."""


def _who(verified: Verified) -> _Lines:
    row = verified.proven.row
    yield "when", f"{row.created_at}, by the server's clock"
    yield "by", _actor(row, verified.enrolment)
    if row.grant_id is not None:
        yield "grant", row.grant_id


def _actor(row: Row, enrolment: Proven | None) -> str:
    said = [row.actor or _NOBODY.get(row.kind, "nobody whom the row names")]
    if row.credential is not None:
        article = "an" if row.credential.kind.startswith("a") else "a"
        issuer = f" made by {row.credential.issued_by}" if row.credential.issued_by else ""
        said.append(
            f"with {article} {row.credential.kind}{issuer}, {_age(row.credential.age_seconds)} old"
        )
        if row.credential.enrolled:
            said.append("that nobody else ever saw")
    if enrolment is not None:
        said.append(f"enrolled in row {enrolment.row.sequence}, whose receipt is here")
    return ", ".join(said)


_NOBODY = {CHANGE: "the server's own machine", TIMESTAMP: "a caller without an API key"}
"""Who it was where a row of this kind has no actor."""


def _age(seconds: int) -> str:
    for unit, of in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * of:
            return f"{seconds // of} {unit}"
    return f"{seconds} seconds"


def _approvals(decisions: Sequence[Decision]) -> _Lines:
    for decision in decisions:
        by, sequence = decision.approval.approver, decision.approval.sequence
        if decision.proven is None:
            yield "approved by", f"{by} in row {sequence}, whose receipt is not here"
            continue
        row = decision.proven.row
        yield "approved by", f"{_actor(row, decision.enrolment)}, {row.created_at}, row {sequence}"
        if row.details and (comment := row.details.get("comment")):
            yield "", f"“{comment}”"


def _client(client: Client | None) -> _Lines:
    if client is None:
        return
    for name in client.__struct_fields__:
        value: str | None = getattr(client, name)
        if value is not None:
            yield f"client's {name.replace('_', ' ')}", value


def _match(digest: bytes | None, artifact: Path | None, holds_by: str | None) -> _Lines:
    if digest is not None:
        yield "digest given", "is the one that was signed"
    if artifact is not None and holds_by is not None:
        yield "file", f"{artifact.name} {_HOLDS.get(holds_by, _CARRIES.format(holds_by))}"


_HOLDS = {"hash": "is what was signed: its hash is the digest"}
_CARRIES = "is what was signed: it carries the signature, and leads to it as {} does"


def _log(proven: Proven, log_key: VerifierKey) -> _Lines:
    size = proven.receipt.checkpoint.tree_size
    yield "checkpoint", f"of {size} rows, signed with the log's key {log_key.key_id.hex()}"
    for witness in proven.witnesses:
        yield "witness", f"{witness.by} saw that log, {_moment(witness.at)} by its clock"
    if proven.others:
        yield "others", f"signatures by keys that were not given: {proven.others}, not checked"
    yield "row", f"{proven.row.id}, hash {proven.hashed.row_hash.hex()}"


def _moment(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s after 1970"


def _not_checked(verified: Verified, digest: bytes | None, artifact: Path | None) -> Iterator[str]:
    if not verified.proven.witnesses:
        yield (
            "Whether others are shown the same log was not checked: name its witnesses, with "
            "--witness KEY."
        )
    if verified.proven.row.is_signature and digest is None and artifact is None:
        yield "Whether it is about your file was not checked: --file F."
    if verified.decisions:
        yield (
            "The approvals were made with API keys: that it was these people is what the server "
            "saw."
        )


def _facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Values are wrapped beside their names: no line of a value looks like a name's."""
    names = [printable(name) for name, _ in pairs]
    room = min(max(map(width, names)) + 2, _MOST_ROOM)
    for name, (_, value) in zip(names, pairs, strict=True):
        beside = padded(name, room) if width(name) < room else f"{name} "
        click.echo(wrapped(printable(value), _columns(), beside, " " * room))


def _paragraph(text: str) -> None:
    click.echo(wrapped(printable(text), _columns()))


def _columns() -> int:
    """Those of the terminal, if it is narrower: it would wrap lines itself, to their beginning."""
    if not sys.stdout.isatty():
        return _COLUMNS
    return min(_COLUMNS, max(get_terminal_size((_COLUMNS, 24)).columns, 2 * _MOST_ROOM))
