"""What rows say of people and machines, their API keys and enrolments, of groups and settings."""

from controlplane.audit.replay.objects import Objects
from controlplane.domain.operation import DetailValue
from controlplane.store.change_rows import ChangeRow

_EDITED = ("role", "proposed_owner", "email")


def create_installation(objects: Objects, row: ChangeRow) -> None:
    _make_admin(objects, row, row.details.get("id"))
    _make_key(objects, row, None)


def create_identity(objects: Objects, row: ChangeRow) -> None:
    has = row.details.get
    objects.make(
        ("identity", row.object),
        row.sequence,
        {
            "id": has("id"),
            "kind": has("kind"),
            "role": has("role"),
            "owner": has("owner"),
            "proposed_owner": has("proposed_owner"),
            "email": None,
            "disabled": False,
            "created_at": row.at,
        },
    )
    if has("api_key_id") is None:  # with an enrolment
        return
    _make_key(objects, row, None)
    if "proposed_owner" in row.details:  # since keys say who issued them
        objects.tell(
            ("API key", str(has("api_key_id"))), row.sequence, {"issued_by": author(objects, row)}
        )


def edit_identity(objects: Objects, row: ChangeRow) -> None:
    edited = {each: row.details[each] for each in _EDITED if each in row.details}
    objects.tell(("identity", row.object), row.sequence, edited)


def accept_identity(objects: Objects, row: ChangeRow) -> None:
    owner = row.details.get("owner")
    objects.tell(("identity", row.object), row.sequence, {"owner": owner, "proposed_owner": None})


def disable_identity(objects: Objects, row: ChangeRow) -> None:
    objects.tell(("identity", row.object), row.sequence, {"disabled": True})
    _end_enrolments(objects, row)


def enable_identity(objects: Objects, row: ChangeRow) -> None:
    objects.tell(("identity", row.object), row.sequence, {"disabled": False})


def create_api_key(objects: Objects, row: ChangeRow) -> None:
    if row.actor is None:  # init --new-admin-key, which makes an admin of whoever it names
        name = ("identity", row.object)
        if name in objects:
            objects.tell(name, row.sequence, {"role": "admin", "disabled": False})
        else:
            _make_admin(objects, row, None)
    _make_key(objects, row, row.details.get("expires_at"))
    if "expires_at" in row.details:  # since keys say who issued them
        key = ("API key", str(row.details.get("api_key_id")))
        objects.tell(key, row.sequence, {"issued_by": author(objects, row)})


def revoke_api_key(objects: Objects, row: ChangeRow) -> None:
    key = ("API key", str(row.details.get("api_key_id")))
    objects.tell(key, row.sequence, {"revoked_at": row.at})


def create_enrolment(objects: Objects, row: ChangeRow) -> None:
    _end_enrolments(objects, row)
    has = row.details.get
    objects.make(
        ("enrolment", str(has("enrolment_id"))),
        row.sequence,
        {
            "identity": row.object,
            "created_at": row.at,
            "expires_at": has("enrolment_expires_at"),
            "issued_by": author(objects, row),
            "key_lifetime_seconds": has("expires_in_seconds"),
            "allowed_addresses": has("allowed_addresses") or "",
            "proposal": row.proposal,
            "ended_at": None,
            "api_key_id": None,
        },
        part_of=("identity", row.object),
    )


def use_enrolment(objects: Objects, row: ChangeRow) -> None:
    key_id = row.details.get("api_key_id")
    _make_key(objects, row, row.details.get("expires_at"))
    issued_by = row.details.get("issued_by")
    objects.tell(("API key", str(key_id)), row.sequence, {"enrolled": True, "issued_by": issued_by})
    enrolment = ("enrolment", str(row.details.get("enrolment_id")))
    objects.tell(enrolment, row.sequence, {"ended_at": row.at, "api_key_id": key_id})


def create_group(objects: Objects, row: ChangeRow) -> None:
    group = ("group", row.object)
    objects.make(group, row.sequence, {"id": row.details.get("id"), "created_at": row.at})


def delete_group(objects: Objects, row: ChangeRow) -> None:
    objects.drop(("group", row.object))


def add_to_group(objects: Objects, row: ChangeRow) -> None:
    group, user = ("group", row.object), str(row.details.get("identity"))
    objects.make(("user", row.object, user), row.sequence, {"added_at": row.at}, part_of=group)


def remove_from_group(objects: Objects, row: ChangeRow) -> None:
    objects.drop(("user", row.object, str(row.details.get("identity"))))


def set_setting(objects: Objects, row: ChangeRow) -> None:
    value = row.details.get("after")
    objects.make(("setting", row.object), row.sequence, {"value": value, "set_at": row.at})


def author(objects: Objects, row: ChangeRow) -> DetailValue:
    """Whose idea it was: of a proposal that was carried out, its proposer's."""
    if row.proposal is None:
        return row.actor
    return objects["proposal", row.proposal].get("proposer")


def _make_admin(objects: Objects, row: ChangeRow, identity_id: DetailValue) -> None:
    told = {} if identity_id is None else {"id": identity_id}
    objects.make(
        ("identity", row.object),
        row.sequence,
        {
            "kind": "user",
            "role": "admin",
            "owner": None,
            "proposed_owner": None,
            "email": None,
            "disabled": False,
            "created_at": row.at,
            **told,
        },
    )


def _make_key(objects: Objects, row: ChangeRow, expires_at: DetailValue) -> None:
    objects.make(
        ("API key", str(row.details.get("api_key_id"))),
        row.sequence,
        {
            "identity": row.object,
            "created_at": row.at,
            "revoked_at": None,
            "expires_at": expires_at,
            "allowed_addresses": row.details.get("allowed_addresses") or "",
            "enrolled": False,
        },
    )


def _end_enrolments(objects: Objects, row: ChangeRow) -> None:
    """The codes that were open are void."""
    for each in objects.parts(("identity", row.object), "enrolment"):
        if objects[each].get("ended_at") is None:
            objects.tell(each, row.sequence, {"ended_at": row.at})
