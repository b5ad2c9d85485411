"""Addresses that calls come from, and the networks that they may come from."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_IPV4_WITHIN_IPV6 = IPv6Network("::ffff:0:0/96")


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
    try:
        found = ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def spell_networks(networks: Sequence[Network]) -> str | None:
    """As rows of the log have them: with blanks between them; None: none."""
    return " ".join(map(str, networks)) or None


def read_networks(text: str | None) -> tuple[Network, ...]:
    """What `spell_networks` wrote."""
    return tuple(map(parse_network, (text or "").split()))
