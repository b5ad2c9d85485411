"""Names that the caller may see: for the shell to complete, and for the one that was mistyped."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

    from sealwright.client.client import Client

_AT_MOST = 1000
"""Names asked for: the largest page of a list."""

_LISTS: Mapping[str, Callable[["Client"], Iterable[str]]] = {
    "signer": lambda client: [each.name for each in client.signers(_AT_MOST).value.items],
    "identity": lambda client: [each.name for each in client.identities(_AT_MOST).value.items],
    "group": lambda client: [each.name for each in client.groups(_AT_MOST).value.items],
    "policy": lambda client: [each.name for each in client.policies(_AT_MOST).value.items],
    "setting": lambda client: [each.name for each in client.settings(_AT_MOST).value.items],
    "witness": lambda client: [each.name for each in client.witnesses(_AT_MOST).value.items],
    "request": lambda client: [each.id for each in client.requests(_AT_MOST).value.items],
    "proposal": lambda client: [each.id for each in client.proposals(_AT_MOST).value.items],
    "grant": lambda client: [each.id for each in client.grants(_AT_MOST).value.items],
}

_WHOSE = {
    "actor": "identity",
    "grantee": "identity",
    "identity": "identity",
    "owner": "identity",
    "requester": "identity",
    "signer": "signer",
    "group": "group",
    "policy": "policy",
}
"""What a parameter of this name names, whatever the command."""

_OF_THE_GROUP = {"id", "name"}
"""Parameters that name what the command's group is about: `signer show NAME`."""

_GROUPS = {**{noun: noun for noun in _LISTS}, "settings": "setting"}


def noun_of(parameter: str, context: "click.Context") -> str | None:
    """What the value of this parameter names, of those nouns that have lists; None: nothing, or
    something new."""
    if parameter in _WHOSE:
        return _WHOSE[parameter]
    if parameter not in _OF_THE_GROUP or context.info_name == "create":
        return None
    above = context.parent
    while above is not None:
        if above.info_name in _GROUPS:
            return _GROUPS[above.info_name]
        above = above.parent
    return None


def known_names(noun: str, client: "Client") -> list[str]:
    """Raises ClientError."""
    return list(_LISTS[noun](client))


def near_names(noun: str, words: Sequence[str], client: "Client") -> list[str]:
    """Those that look like one of `words`, the nearest first, three at most. Raises ClientError."""
    from difflib import get_close_matches

    known = known_names(noun, client)
    folded = {name.casefold(): name for name in known}
    near = [
        folded[match]
        for word in words
        if word not in known
        for match in get_close_matches(word.casefold(), folded)
    ]
    return list(dict.fromkeys(near))[:3]
