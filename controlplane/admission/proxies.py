"""Whose word is taken for where a call comes from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_UNIX = "unix"


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    networks: tuple[IPv4Network | IPv6Network, ...]
    unix: bool  # whoever calls over a unix socket

    @classmethod
    def parse(cls, given: Sequence[str]) -> "TrustedProxies":
        """Each a CIDR, an address, or `unix`. Raises ValueError."""
        networks = tuple(ip_network(each) for each in given if each != _UNIX)
        return cls(networks, _UNIX in given)

    @property
    def trusts_any(self) -> bool:
        return self.unix or bool(self.networks)

    def caller(self, peer: str | None, forwarded: Iterable[str]) -> str | None:
        """The address of whoever calls; None: somebody on this machine.

        `peer`: of the connection, None for a unix socket. `forwarded`: the values of
        X-Forwarded-For in order. The rightmost address that is no trusted proxy's counts; what
        stands to the left of it, or of what is no address, anybody may have written.
        """
        believed = peer
        route = [each.strip() for value in forwarded for each in value.split(",")]
        while self._trusts(believed) and route:
            named = _without_port(route.pop())
            try:
                believed = str(_parse(named))
            except ValueError:
                break
        return believed

    def _trusts(self, peer: str | None) -> bool:
        if peer is None:
            return self.unix
        address = _parse(peer)
        return any(address in network for network in self.networks)


def _parse(named: str) -> IPv4Address | IPv6Address:
    """IPv4 within IPv6 is the same caller."""
    address = ip_address(named)
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(named: str) -> str:
    """RFC 7239 §6: `192.0.2.1:4711`, `[2001:db8::1]:4711`; without one it stays as it is."""
    if named.startswith("["):
        return named[1:].partition("]")[0]
    return named.partition(":")[0] if named.count(":") == 1 else named
