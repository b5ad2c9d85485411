"""A grant as people read it."""

from datetime import datetime

from sealwright.cli.bounds import hashes
from sealwright.cli.text import facts
from sealwright.client.objects import Grant


def used(one: Grant) -> str:
    return f"{one.used} of {'any number' if one.max_signings is None else one.max_signings}"


def until(one: Grant) -> datetime | str:
    return "no end" if one.not_after is None else one.not_after


def show_grant(one: Grant) -> None:
    pairs: list[tuple[str, object]] = [
        ("id", one.id),
        ("signer", one.signer),
        ("grantee", one.grantee),
        ("why", one.justification),
        ("used", used(one)),
        ("from", one.not_before),
        ("until", until(one)),
        ("hashes", hashes(one.hashes)),
        ("policy", one.policy),
        ("state", one.state),
    ]
    if one.request_id is not None:
        pairs.append(("request", one.request_id))
    if one.issued_by is not None:
        pairs.append(("pre-approved by", one.issued_by))
    if one.revoked_at is not None:
        pairs += [
            ("revoked", one.revoked_at),
            ("revoked by", one.revoked_by),
            ("reason", one.revoke_reason),
        ]
    if one.suspended_at is not None:
        pairs.append(("suspended", one.suspended_at))
    facts(pairs)
