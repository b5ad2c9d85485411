"""Objects as the API answers them."""

from typing import Any

NOW = "2026-01-31T08:00:00Z"
LATER = "2026-01-31T16:00:00Z"

STEPS: list[dict[str, Any]] = [
    {"name": "lead", "required": 1, "approvers": ["carol", "dave"]},
    {"name": "security", "required": 2, "approvers": ["carol", "dave", "eve"]},
]


def policy(**other: object) -> dict[str, Any]:
    return {
        "id": "p-1",
        "name": "two-people",
        "max_window_seconds": 8 * 3600,
        "max_signings": 5,
        "steps": STEPS,
        "request_ttl_seconds": 2 * 86400,
        "hashes": ["sha256", "sha384"],
        "created_at": NOW,
        "signers": ["nightly", "release"],
        "changes": [],
        "of_a_newer_server": {"is": "passed over"},
    } | other


def change(what: str, *sentences: str, **other: object) -> dict[str, Any]:
    return {
        "at": NOW,
        "by": "alice",
        "policy": "two-people",
        "signer": None,
        "change": what,
        "what": list(sentences),
    } | other


def signer(**other: object) -> dict[str, Any]:
    return {
        "id": "s-1",
        "number": 7,
        "name": "release",
        "status": "active",
        "key": "p256",
        "common_name": "Release",
        "external": False,
        "certificate_serial": "0a",
        "not_after": LATER,
        "created_at": NOW,
        "policy": "two-people",
        "role": "operator",
        "warnings": [],
    } | other


def decision(approver: str, **other: object) -> dict[str, Any]:
    return {"approver": approver, "verdict": "approved", "comment": None, "at": NOW} | other


def request(*decisions: list[dict[str, Any]], **other: object) -> dict[str, Any]:
    """`decisions`: those of each step."""
    each = [*decisions, *([[]] * len(STEPS))]
    return {
        "id": "r-1",
        "signer": "release",
        "requester": "ci",
        "policy": "two-people",
        "state": "pending",
        "justification": "version 2",
        "window_seconds": 5400,
        "signings": 5,
        "step": 1,
        "steps": [step | {"decisions": each[i]} for i, step in enumerate(STEPS)],
        "max_window_seconds": 8 * 3600,
        "max_signings": 5,
        "hashes": [],
        "created_at": NOW,
        "expires_at": LATER,
        "ended_at": None,
        "ended_by": None,
        "comment": None,
        "grant_id": None,
        "missing": ["It waits for step 1 of 2, 'lead': 1 approval of carol, dave."],
    } | other


def approved(**other: object) -> dict[str, Any]:
    ended: dict[str, Any] = {
        "state": "approved",
        "step": None,
        "ended_at": NOW,
        "ended_by": "eve",
        "missing": [],
        "grant_id": "g-1",
    }
    return request([decision("carol")], [decision("dave"), decision("eve")], **(ended | other))


def grant(**other: object) -> dict[str, Any]:
    return {
        "id": "g-1",
        "signer": "release",
        "grantee": "ci",
        "policy": "two-people",
        "state": "active",
        "used": 2,
        "max_signings": 5,
        "hashes": ["sha256"],
        "justification": "version 2",
        "request_id": "r-1",
        "issued_by": None,
        "not_before": NOW,
        "not_after": LATER,
        "revoked_at": None,
        "revoked_by": None,
        "revoke_reason": None,
    } | other


def page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "next": None}
