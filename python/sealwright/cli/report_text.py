"""What a report says of an operation, piece by piece, as text."""

import json
from datetime import datetime

from sealwright.client.objects import Credential, ReportedApproval, ReportedOperation


def instant(time: datetime | None) -> str | None:
    """RFC 3339 UTC, to the microsecond where it has any."""
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def digest_hex(one: ReportedOperation) -> str | None:
    """As sha256sum prints it."""
    return None if one.digest is None else one.digest.hex()


def credential(of: Credential | None) -> str:
    if of is None:
        return "not noted"
    by = f"issued by {of.issued_by}" if of.issued_by else "issued by nobody known"
    return f"{of.kind} {of.id}, {by}, {'enrolled' if of.enrolled else 'not enrolled'}"


def why(one: ReportedOperation) -> str | None:
    if one.grant is not None and one.grant.justification is not None:
        return one.grant.justification
    return None if one.request is None else one.request.justification


def approvers(one: ReportedOperation) -> str | None:
    return joined([each.approver or "-" for each in one.approved_by])


def approval(one: ReportedApproval) -> str:
    said = f": {one.comment}" if one.comment else ""
    return f"{one.approver or '-'}, {instant(one.created_at)}, {credential(one.credential)}{said}"


def origin(one: ReportedOperation) -> str | None:
    """Where it came from, and with which tool."""
    of = one.client
    if of is None:
        return None
    host = f"({of.hostname})" if of.hostname and of.address else of.hostname
    return " ".join(filter(None, [of.address, host, of.tool])) or None


def details(one: ReportedOperation) -> str | None:
    if one.details is None:
        return None
    return json.dumps(one.details, ensure_ascii=False, sort_keys=True)


def joined(texts: list[str]) -> str | None:
    return "; ".join(texts) or None
