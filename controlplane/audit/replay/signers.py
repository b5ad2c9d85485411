"""What rows say of signers, their members, and of policies."""

import re
from dataclasses import fields
from datetime import datetime, timedelta

from controlplane.audit.replay.objects import Name, Objects
from controlplane.domain.instant import from_text, to_text
from controlplane.domain.names import GROUP_MARK
from controlplane.domain.operation import DetailValue
from controlplane.domain.signer import SignerDescription
from controlplane.store.change_rows import ChangeRow

TERMS = (
    "max_window_seconds",
    "max_signings",
    "request_ttl_seconds",
    "hashes",
    "steps",
    "protected",
)
# What is behind a step's name and number.
_APPROVERS = re.compile(r"(?<=:)[A-Za-z0-9@._+,-]+(?=; |$)")
_DESCRIBED = tuple(each.name for each in fields(SignerDescription) if each.name != "name")


def create_signer(objects: Objects, row: ChangeRow) -> None:
    has = row.details.get
    objects.make(
        ("signer", row.object),
        row.sequence,
        {
            "id": has("id"),
            "number": has("number"),
            "created_at": row.at,
            "disabled": False,
            "deletes_at": None,
            "policy_id": None,
            "certificate_serial": has("certificate_serial"),
            **{each: has(each) for each in _DESCRIBED},
        },
    )


def change_certificate(objects: Objects, row: ChangeRow) -> None:
    """None came with an external signer's new key: it goes on with the one it had."""
    serial = row.details.get("certificate_serial")
    if serial is not None:
        objects.tell(("signer", row.object), row.sequence, {"certificate_serial": serial})


def set_policy(objects: Objects, row: ChangeRow) -> None:
    policy_id = row.details.get("policy_id")
    objects.tell(("signer", row.object), row.sequence, {"policy_id": policy_id})


def disable_signer(objects: Objects, row: ChangeRow) -> None:
    objects.tell(("signer", row.object), row.sequence, {"disabled": True})


def enable_signer(objects: Objects, row: ChangeRow) -> None:
    objects.tell(("signer", row.object), row.sequence, {"disabled": False})


def delete_signer(objects: Objects, row: ChangeRow) -> None:
    """At once, where the row names no time: so the first versions did it."""
    end = as_time(row.details.get("deletes_at"))
    objects.tell(("signer", row.object), row.sequence, {"deletes_at": end or row.at})
    if end is None:
        erase_signer(objects, row)


def undelete_signer(objects: Objects, row: ChangeRow) -> None:
    objects.tell(("signer", row.object), row.sequence, {"deletes_at": None})


def erase_signer(objects: Objects, row: ChangeRow) -> None:
    objects.tell(("signer", row.object), row.sequence, {"policy_id": None})
    for member in objects.parts(("signer", row.object)):
        objects.drop(member)


def add_member(objects: Objects, row: ChangeRow) -> None:
    signer, role = ("signer", str(row.signer)), row.details.get("role")
    objects.make(_member(row), row.sequence, {"role": role, "added_at": row.at}, part_of=signer)


def change_member(objects: Objects, row: ChangeRow) -> None:
    objects.tell(_member(row), row.sequence, {"role": row.details.get("role")})


def remove_member(objects: Objects, row: ChangeRow) -> None:
    objects.drop(_member(row))


def create_policy(objects: Objects, row: ChangeRow) -> None:
    terms: dict[str, DetailValue] = {"protected": False} | _terms(row)
    policy = ("policy", str(row.details.get("id")))
    objects.make(
        policy,
        row.sequence,
        {"name": row.object, "created_at": row.at} | terms,
    )


def edit_policy(objects: Objects, row: ChangeRow) -> None:
    objects.tell(("policy", str(row.details.get("id"))), row.sequence, _terms(row))


def delete_policy(objects: Objects, row: ChangeRow) -> None:
    objects.drop(("policy", str(row.details.get("id"))))


def detach_deleted(objects: Objects) -> None:
    """A signer that was gone, and not erased, lost its policy when that was deleted."""
    for (noun, *_), told in objects.left():
        policy_id = told.fields.get("policy_id")
        if noun == "signer" and policy_id and ("policy", str(policy_id)) not in objects:
            told.fields["policy_id"] = None


def of_people(objects: Objects, steps: DetailValue) -> DetailValue:
    """The steps of a policy, with the users of each group that they name in its place."""

    def expand(found: re.Match[str]) -> str:
        named = found[0].split(",")
        people = [name for each in named for name in _people(objects, each)]
        return ",".join(dict.fromkeys(people))

    return _APPROVERS.sub(expand, steps) if isinstance(steps, str) else steps


def as_time(value: DetailValue) -> str | None:
    """As tables have it; None of what is no time."""
    try:
        return to_text(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def later(at: str, seconds: DetailValue) -> str | None:
    """As tables have it; None without end."""
    return None if seconds is None else to_text(from_text(at) + timedelta(seconds=int(seconds)))


def _people(objects: Objects, mention: str) -> list[str]:
    group = ("group", mention.removeprefix(GROUP_MARK))
    if not mention.startswith(GROUP_MARK) or group not in objects:
        return [mention]
    return [user for _, _, user in objects.parts(group)]


def _member(row: ChangeRow) -> Name:
    return ("member", str(row.signer), row.object)


def _terms(row: ChangeRow) -> dict[str, DetailValue]:
    return {each: row.details[each] for each in TERMS if each in row.details}
