"""Whether receipts hold: log, witnesses, place in the tree, and what the row rests on."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from sealwright.receipt.fault import NotValidError, Reason
from sealwright.receipt.file import Receipt
from sealwright.receipt.inclusion import leaf_hash, root_from
from sealwright.receipt.note import VerifierKey, WrongSignatureError
from sealwright.receipt.row import (
    APPROVING,
    Approval,
    Client,
    HashedRow,
    Row,
    disclosed_client,
    parse_row,
)

ENROLLING = "enrolment:use"
_AGE_IS_EXACT_TO = 1.0  # seconds


class Witnessed(msgspec.Struct, frozen=True):
    """`by`: the name of the witness's key."""

    by: str
    at: int
    """Seconds since 1970, by the witness's clock."""


class Proven(msgspec.Struct, frozen=True):
    """A row that stands in the log. `client`: as it was disclosed, or as a row of version 1 has it;
    `others`: signatures on the checkpoint by keys that nobody gave, which prove nothing."""

    receipt: Receipt
    hashed: HashedRow
    witnesses: tuple[Witnessed, ...]
    client: Client | None
    others: int

    @property
    def row(self) -> Row:
        return self.hashed.row


class Decision(msgspec.Struct, frozen=True):
    """An approval that a row names. `proven`: its own row, and `enrolment` the one in which its
    maker got the key that made it, where their receipts are there."""

    approval: Approval
    proven: Proven | None
    enrolment: Proven | None


class Verified(msgspec.Struct, frozen=True):
    """`enrolment`: of the key that made the row, where its receipt is there."""

    proven: Proven
    decisions: tuple[Decision, ...]
    enrolment: Proven | None


def verify(
    receipts: Sequence[Receipt], log_key: VerifierKey, witnesses: Sequence[VerifierKey]
) -> Verified:
    """The first, which rests on the others.

    Raises:
        NotValidError: one of them does not hold, or is of a row that the first does not name.
    """
    first, *others = (_prove(receipt, log_key, witnesses) for receipt in receipts)
    by_sequence = {other.row.sequence: other for other in others}
    if len(by_sequence) != len(others) or first.row.sequence in by_sequence:
        raise NotValidError(Reason.MALFORMED, "two receipts of this file are of the same row")
    named = {approval.sequence for approval in first.row.approvals or ()}
    enrolments = [it for it in others if it.row.sequence not in named]
    decisions = tuple(
        _decision(approval, by_sequence.get(approval.sequence), enrolments)
        for approval in first.row.approvals or ()
    )
    enrolment = _enrolment_of(first.row, enrolments)
    used = [enrolment, *(decision.enrolment for decision in decisions)]
    for other in enrolments:
        if other not in used:
            raise NotValidError(
                Reason.MALFORMED,
                f"the receipt of row {other.row.sequence} has nothing to do with the first",
            )
    return Verified(first, decisions, enrolment)


def included_row(receipt: Receipt) -> HashedRow:
    """Which stands in the tree of its checkpoint, whoever signed that.

    Raises:
        NotValidError: it does not, or is none.
    """
    checkpoint = receipt.checkpoint
    hashed = parse_row(receipt.extra)
    if hashed.row.sequence != receipt.index + 1:
        raise NotValidError(
            Reason.NOT_INCLUDED,
            f"the row has the number {hashed.row.sequence}, and the receipt is for that of "
            f"{receipt.index + 1}",
        )
    try:
        root = root_from(
            leaf_hash(hashed.row_hash), receipt.index, checkpoint.tree_size, receipt.path
        )
    except ValueError as fault:
        raise NotValidError(Reason.NOT_INCLUDED, f"the row is not in the log: {fault}") from None
    if root != checkpoint.root:
        raise NotValidError(
            Reason.NOT_INCLUDED, "the row is not in the log that the checkpoint is of"
        )
    return hashed


def check_approvers(verified: Verified, pinned: Sequence[str]) -> None:
    """`pinned`: those of whose decision the key is given.

    Raises:
        NotValidError: always when there are any: a decision in a row of these versions is made with
            an API key, which proves nothing to others than the server.
    """
    approvers = {decision.approval.approver for decision in verified.decisions}
    for name in pinned:
        if name not in approvers:
            raise NotValidError(Reason.NOT_APPROVED, f"the row names no approval by {name}")
    if pinned:
        raise NotValidError(
            Reason.APPROVAL_UNPROVEN,
            f"the approval of {pinned[0]} has no signature by a key of {pinned[0]}: it rests on "
            "what the server saw",
        )


def _prove(receipt: Receipt, log_key: VerifierKey, witnesses: Sequence[VerifierKey]) -> Proven:
    checkpoint = receipt.checkpoint
    if checkpoint.origin != log_key.name:
        raise NotValidError(
            Reason.OTHER_LOG,
            f"the receipt is of the log {checkpoint.origin}, and the key of {log_key.name}",
        )
    witnessed = _check_signatures(receipt, log_key, witnesses)
    known = {(key.name, key.key_id) for key in (log_key, *witnesses)}
    hashed = included_row(receipt)
    return Proven(
        receipt,
        hashed,
        witnessed,
        _client(receipt, hashed),
        sum((line.name, line.key_id) not in known for line in receipt.note.signatures),
    )


def _check_signatures(
    receipt: Receipt, log_key: VerifierKey, witnesses: Sequence[VerifierKey]
) -> tuple[Witnessed, ...]:
    try:
        if not receipt.note.is_signed_by(log_key):
            raise NotValidError(
                Reason.NOT_SIGNED,
                f"the checkpoint has no signature by the key {log_key.key_id.hex()} of the log",
            )
        witnessed = []
        for witness in witnesses:
            at = receipt.note.cosigned_at(witness)
            if at is None:
                raise NotValidError(
                    Reason.NOT_WITNESSED, f"the witness {witness.name} has not signed it"
                )
            witnessed.append(Witnessed(witness.name, at))
    except WrongSignatureError as fault:
        raise NotValidError(Reason.SIGNATURE_WRONG, str(fault)) from None
    return tuple(witnessed)


def _client(receipt: Receipt, hashed: HashedRow) -> Client | None:
    for disclosure in receipt.disclosures:
        return disclosed_client(hashed, disclosure.salt, disclosure.value)
    return hashed.row.client


def _decision(approval: Approval, proven: Proven | None, enrolments: Sequence[Proven]) -> Decision:
    if proven is None:
        return Decision(approval, None, None)
    row = proven.row
    if (
        proven.hashed.row_hash.hex() != approval.row_hash
        or row.actor != approval.approver
        or row.action not in APPROVING
    ):
        raise NotValidError(
            Reason.APPROVAL_DIFFERS,
            f"row {approval.sequence} is not the approval by {approval.approver} that the first "
            "receipt's row names",
        )
    return Decision(approval, proven, _enrolment_of(row, enrolments))


def _enrolment_of(row: Row, enrolments: Sequence[Proven]) -> Proven | None:
    """The id of a key is not shown, but its age at the call is, and nobody gets two keys by codes
    within a second."""
    if row.credential is None or not row.credential.enrolled:
        return None
    for each in enrolments:
        if each.row.action == ENROLLING and each.row.actor == row.actor:
            age = (_time(row.created_at) - _time(each.row.created_at)).total_seconds()
            if 0 <= age - row.credential.age_seconds <= _AGE_IS_EXACT_TO:
                return each
    return None


def _time(text: str) -> datetime:
    """`text`: RFC 3339 in UTC.

    Raises:
        NotValidError: it is none.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotValidError(
            Reason.ROW_UNREADABLE, f"the row cannot be read: {text[:40]!a} is no time"
        ) from None
