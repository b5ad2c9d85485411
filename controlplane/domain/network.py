"""Addresses that calls come from, and the networks that they may come from."""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network

_IPV4_WITHIN_IPV6 = IPv6Network("::ffff:0:0/96")
_OF_ONE_LINK = 64  # bits of an IPv6 address that somebody cannot choose (RFC 4291 2.5.1)


def parse_network(text: str) -> Network:
    """A CIDR, or an address, which stands for itself alone. Raises ValueError, in words."""
    if "%" in text:
        raise ValueError(f"{text!r} names an interface, which only this machine knows")
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_IPV4_WITHIN_IPV6):
        raise ValueError(f"{text!r} is IPv4 within IPv6: write it as IPv4")
    return network


def is_within(address: str | None, networks: Sequence[Network]) -> bool:
    """False for an address that is not known. IPv4 within IPv6 is the same caller."""
    if address is None:
        return False
    found = _parse(address)
    return found is not None and any(found in network for network in networks)


def place_of(address: str | None) -> str:
    """Where a stranger is for whom calls are counted: one who has an IPv6 address has all those of
    its /64."""
    found = _parse(address or "")
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _OF_ONE_LINK), strict=False))
    return str(found)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    """None: it is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def spell_networks(networks: Sequence[Network]) -> str | None:
    """As rows of the log have them: with blanks between them; None: none."""
    return " ".join(map(str, networks)) or None


def read_networks(text: str | None) -> tuple[Network, ...]:
    """What `spell_networks` wrote."""
    return tuple(map(parse_network, (text or "").split()))
