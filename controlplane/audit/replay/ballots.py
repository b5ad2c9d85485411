"""What rows say of requests, proposals, decisions on them, and grants."""

from controlplane.audit.replay.objects import Name, Objects
from controlplane.audit.replay.people import author
from controlplane.audit.replay.signers import TERMS, as_time, later, of_people
from controlplane.domain.operation import DetailValue
from controlplane.store.change_rows import ChangeRow

_OF_A_PROPOSAL = ("action", "object", "proposer")


def create_request(objects: Objects, row: ChangeRow) -> None:
    """Under the terms that the policy has now, of the people in its groups now."""
    has = row.details.get
    policy = objects["policy", str(has("policy_id"))]
    terms = {each: policy[each] for each in TERMS if each in policy}
    if "steps" in terms:
        terms["steps"] = of_people(objects, terms["steps"])
    if "request_ttl_seconds" in terms:
        terms["expires_at"] = later(row.at, terms["request_ttl_seconds"])
    objects.make(
        ("request", row.object),
        row.sequence,
        {
            "signer": row.signer,
            "requester": row.actor,
            "policy": has("policy"),
            "policy_id": has("policy_id"),
            "justification": has("justification"),
            "window_seconds": has("window_seconds"),
            "signings": has("signings"),
            "created_at": row.at,
            **_open(),
            **terms,
        },
    )


def create_proposal(objects: Objects, row: ChangeRow) -> None:
    objects.make(
        ("proposal", row.object),
        row.sequence,
        {
            "signer": row.signer,
            "created_at": row.at,
            **{each: row.details.get(each) for each in _OF_A_PROPOSAL},
            **_open(),
        },
    )


def approve(objects: Objects, row: ChangeRow) -> None:
    """The row that follows says whether it was the last approval, and not even that of a proposal
    which changed nothing in the end."""
    _decide(objects, row, "approved")
    if _noun(row) == "proposal" and row.details.get("completes_step") is True:
        objects.doubt(("proposal", row.object), "ended", "ended_at", "ended_by")


def reject(objects: Objects, row: ChangeRow) -> None:
    _decide(objects, row, "rejected")
    _end(objects, row, (_noun(row), row.object), "rejected")
    objects.tell((_noun(row), row.object), row.sequence, {"comment": row.details.get("comment")})


def cancel(objects: Objects, row: ChangeRow) -> None:
    _end(objects, row, (_noun(row), row.object), "cancelled")


def withdraw(objects: Objects, row: ChangeRow) -> None:
    decision = _decision(row, row.details.get("approver"))
    objects.tell(decision, row.sequence, {"withdrawn_at": row.at})


def carry_out(objects: Objects, row: ChangeRow, proposal: str) -> None:
    ended: dict[str, DetailValue] = {"ended": "approved", "ended_by": row.actor}
    objects.tell(("proposal", proposal), row.sequence, ended)


def issue_grant(objects: Objects, row: ChangeRow) -> None:
    _make_grant(objects, row, issued_by=None)
    request = ("request", str(row.details.get("request_id")))
    _end(objects, row, request, "approved")
    objects.tell(request, row.sequence, {"grant_id": row.object})


def create_grant(objects: Objects, row: ChangeRow) -> None:
    _make_grant(objects, row, issued_by=author(objects, row))


def revoke_grant(objects: Objects, row: ChangeRow) -> None:
    objects.tell(
        ("grant", row.object),
        row.sequence,
        {
            "revoked_at": row.at,
            "revoked_by": row.actor,
            "revoke_reason": row.details.get("reason"),
        },
    )


def _make_grant(objects: Objects, row: ChangeRow, *, issued_by: DetailValue) -> None:
    has = row.details.get
    objects.make(
        ("grant", row.object),
        row.sequence,
        {
            "signer": row.signer,
            "grantee": has("grantee"),
            "policy": has("policy"),
            "policy_id": has("policy_id"),
            "hashes": has("hashes") or "",
            "justification": has("justification"),
            "request_id": has("request_id"),
            "issued_by": issued_by,
            "not_before": row.at,
            "not_after": as_time(has("not_after")),
            "max_signings": has("max_signings"),
            "revoked_at": None,
            "revoked_by": None,
            "revoke_reason": None,
        },
    )


def _open() -> dict[str, DetailValue]:
    return {"ended": None, "ended_at": None, "ended_by": None, "comment": None}


def _decide(objects: Objects, row: ChangeRow, verdict: str) -> None:
    objects.make(
        _decision(row, row.actor),
        row.sequence,
        {
            "verdict": verdict,
            "comment": row.details.get("comment"),
            "at": row.at,
            "withdrawn_at": None,
        },
    )


def _decision(row: ChangeRow, approver: DetailValue) -> Name:
    """Steps count from 1, as rows have it."""
    step = str(row.details.get("step"))
    return ("decision", _noun(row), row.object, step, str(approver))


def _end(objects: Objects, row: ChangeRow, name: Name, state: str) -> None:
    objects.tell(
        name,
        row.sequence,
        {
            "ended": state,
            "ended_at": row.at,
            "ended_by": row.actor,
        },
    )


def _noun(row: ChangeRow) -> str:
    """`request` or `proposal`."""
    return str(row.action).partition(":")[0]
