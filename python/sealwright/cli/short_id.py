"""Ids by their last eight characters, as tables on a terminal show them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from sealwright.cli.failure import CommandError

if TYPE_CHECKING:
    from sealwright.client.client import Client
    from sealwright.client.objects import Suspension

LENGTH = 8
_SHORT = re.compile(f"[0-9a-fA-F]{{{LENGTH}}}")
_WHOLE = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST = 10
"""Candidates that are asked for."""
_PAGE = 1000
_LISTS = {
    "request": "sealwright request list",
    "proposal": "sealwright proposal list",
    "grant": "sealwright grant list",
    "API key": "sealwright identity show NAME",
    "suspension": "sealwright recovery list",
}


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def short(full: str) -> str:
    """That of an approval, BALLOT:STEP:APPROVER, keeps what follows; what is no id stays."""
    first, colon, rest = full.partition(":")
    return f"{first[-LENGTH:]}{colon}{rest}" if _WHOLE.fullmatch(first) else full


def is_short(given: str) -> bool:
    return _SHORT.fullmatch(given) is not None


def request_id(given: str, client: "Client") -> str:
    """The whole id of the one that the caller may see; what is no short one as it is, without a
    call. Raises CommandError, ClientError."""
    if not is_short(given):
        return given
    found = client.requests(_MOST, ending=given.lower()).value.items
    return only_one("request", given, found)


def proposal_id(given: str, client: "Client") -> str:
    """As `request_id`."""
    if not is_short(given):
        return given
    found = client.proposals(_MOST, ending=given.lower()).value.items
    return only_one("proposal", given, found)


def grant_id(given: str, client: "Client") -> str:
    """As `request_id`."""
    if not is_short(given):
        return given
    return only_one("grant", given, client.grants(_MOST, ending=given.lower()).value.items)


def suspension_id(kind: str, given: str, client: "Client") -> str:
    """As `request_id`; all of the list is read, which is as long as what a rollback lost."""
    if not is_short(given.partition(":")[0]):
        return given
    found: list[Suspension] = []
    cursor: str | None = None
    while True:
        page = client.suspensions(_PAGE, cursor).value
        found += [each for each in page.items if each.kind == kind]
        if (cursor := page.next) is None:
            return only_one("suspension", given, found)


def only_one(noun: str, given: str, among: Sequence[_Named]) -> str:
    """The id that ends like this. Raises CommandError: there is none, or there are several."""
    first, colon, rest = given.partition(":")
    wanted = f"{first.lower()}{colon}{rest}"
    found = [each.id for each in among if short(each.id) == wanted]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandError(
            f"No {noun} that you may see has an id that ends in {given}.",
            code="id_not_found",
            next_step=f"Those that there are: {_LISTS[noun]}",
        )
    raise CommandError(
        f"Several ids end in {given}: {', '.join(found)}.",
        code="id_ambiguous",
    )
