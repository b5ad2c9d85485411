"""What names groups and identities: whom it means."""

from collections.abc import Iterable

from peewee import Database

from controlplane.domain.model import Group, Terms
from controlplane.domain.names import GROUP_MARK
from controlplane.errors import invalid
from controlplane.store import groups, identities


def find_groups(database: Database, terms: Terms) -> tuple[Group, ...]:
    """Those that the steps name. Refused 400 naming the step that names nobody known."""
    found = groups.mentioned(database, terms.approvers)
    known = {group.mention for group in found}
    known |= identities.find_all(database, terms.approvers - known).keys()
    for index, step in enumerate(terms.steps):
        for name in step.approvers:
            if name not in known:
                what = "group" if name.startswith(GROUP_MARK) else "identity"
                raise invalid(f"steps[{index}].approvers", f"There is no {what} {name!r}.")
    return found


def who_are(named: Iterable[Group]) -> dict[str, str | int | bool | None]:
    """For those who are to agree: who is in each of these groups."""
    return {group.mention: ", ".join(group.users) or None for group in named}
