"""What admins set for the whole installation: one table, which the API and docs/operations.md show
as it is. A value is text where it is set, stored and shown."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from controlplane.domain.duration import parse, spell
from controlplane.domain.log_key import read_origin
from controlplane.domain.network import Network, is_within, parse_network
from controlplane.domain.ranges import Range

T = TypeVar("T")

APPROVAL_HOLD = Range(0, 30 * 86_400)  # seconds
RENEWAL = Range(0, 180 * 86_400)  # seconds


class RequirePolicy(StrEnum):
    NONE = "none"
    ANY = "any"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """`form`: how a value is written, for people. `read`: the value that a text stands for; raises
    ValueError, in words."""

    name: str
    form: str
    default: str
    meaning: str
    read: Callable[[str], T]


def _read_switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError(f"{text!r} is neither on nor off")
    return text == "on"


def _read_span(text: str, within: Range) -> timedelta:
    seconds = parse(text)
    if seconds not in within:
        raise ValueError(f"{text} is longer than {spell(within.most)}")
    return timedelta(seconds=seconds)


def _read_required(text: str) -> RequirePolicy:
    if text not in list(RequirePolicy):
        raise ValueError(f"{text!r} is none of {', '.join(RequirePolicy)}")
    return RequirePolicy(text)


@dataclass(frozen=True, slots=True)
class Strangers:
    """Those without an API key who get something. `networks`: that they call from; None: from
    anywhere."""

    networks: tuple[Network, ...] | None

    def admit(self, address: str | None) -> bool:
        """`address` None: a unix socket."""
        return self.networks is None or is_within(address, self.networks)


def _read_strangers(text: str) -> Strangers:
    if text == "any":
        return Strangers(None)
    if text == "none":
        return Strangers(())
    return Strangers(tuple(parse_network(each.strip()) for each in text.split(",")))


_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,38}))+")
_MOST_OID = 128  # characters


def _read_oid(text: str) -> str:
    arcs = text.split(".")
    if not _OID.fullmatch(text) or len(text) > _MOST_OID or (arcs[0] != "2" and int(arcs[1]) > 39):
        raise ValueError(f"{text!r} is none")
    return text


REQUIRE_POLICY = Setting(
    "require-policy",
    "none|any|protected",
    "none",
    "Which signers can be: with or without a policy, with any, with a protected one only.",
    _read_required,
)
FOUR_EYES = Setting(
    "four-eyes",
    "on|off",
    "off",
    "Whether a second admin must agree to what changes the whole installation.",
    _read_switch,
)
HOLD = Setting(
    "approval-hold",
    f"a duration, 0 to {spell(APPROVAL_HOLD.most)}",
    "24h",
    "How long an API key approves nothing that somebody else made for who had one before.",
    lambda text: _read_span(text, APPROVAL_HOLD),
)
TIMESTAMP_FROM = Setting(
    "timestamp-from",
    "any, none, or networks (CIDR) with commas between them",
    "any",
    "Where calls for a timestamp may come from without an API key.",
    _read_strangers,
)
TIMESTAMP_POLICY = Setting(
    "timestamp-policy",
    "an OID",
    "1.3.6.1.4.1.32473.1",
    "The policy that timestamps name, and that a request may ask for; the default is an example.",
    _read_oid,
)

LOG_PUBLIC = Setting(
    "log-public",
    "on|off",
    "off",
    "Whether strangers may read checkpoints and tiles of the log, which tell how much is signed.",
    _read_switch,
)
LOG_ORIGIN = Setting(
    "log-origin",
    "a name such as log.example.com/signing; one that ends in / is followed by the instance",
    "sealwright.example/",
    "What the log's checkpoints call it; fixed by the first one.",
    read_origin,
)

RENEW_BEFORE = Setting(
    "renew-before",
    f"a duration, 0 to {spell(RENEWAL.most)}; 0: never",
    "30d",
    "How long before its end a certificate is renewed, in the last third of its life.",
    lambda text: _read_span(text, RENEWAL),
)

SETTINGS: tuple[Setting[Any], ...] = (
    REQUIRE_POLICY,
    FOUR_EYES,
    HOLD,
    LOG_PUBLIC,
    LOG_ORIGIN,
    TIMESTAMP_FROM,
    TIMESTAMP_POLICY,
    RENEW_BEFORE,
)
BY_NAME: Mapping[str, Setting[Any]] = {setting.name: setting for setting in SETTINGS}
