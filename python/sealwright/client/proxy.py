"""Through what https leaves this machine: SEALWRIGHT_PROXY_URL, else HTTPS_PROXY; and NO_PROXY.

By the rules of the module's `net/proxy.cc`, so that both take the same way.
"""

import base64
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from sealwright.client.address import Address, NetworkAddress, parse_address
from sealwright.client.environment import trimmed, variable
from sealwright.client.errors import MisconfiguredError

_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})?")
_SCHEME = "http://"
_DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """`credentials` are of the scheme Basic, as they are sent."""

    host: str
    port: int
    credentials: str | None = field(repr=False)

    @property
    def url(self) -> str:
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        return f"http://{host}" if self.port == _DEFAULT_PORT else f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ProxySetting:
    """What is said of a proxy: `url` with its credentials and the variable that it is from, if any
    says one; `exceptions` is NO_PROXY. It need make sense only where it counts."""

    url: str = field(default="", repr=False)
    source: str = ""
    exceptions: str = ""

    def way_to(self, target: Address) -> Proxy | None:
        """None: straight.

        Raises:
            MisconfiguredError: the url cannot be used; neither name nor password is shown.
        """
        if not self.url or not isinstance(target, NetworkAddress):
            return None
        if not target.secure or target.is_local:
            return None
        proxy = _parse(self.url)
        items = filter(None, re.split(r"[, \t]", self.exceptions))
        return None if any(_is_named(item.lower(), target) for item in items) else proxy


NO_PROXY = ProxySetting()


def find_proxy(environment: Mapping[str, str], configured: str = "") -> ProxySetting:
    """`configured` is `[proxy] url` of the module's file.

    Raises:
        MisconfiguredError: our own setting cannot be used.
    """
    exceptions = _first(environment, "no_proxy", "NO_PROXY")[0]
    url = variable(environment, "PROXY_URL")
    if own := url or configured:
        _parse(own)
        return ProxySetting(own, "SEALWRIGHT_PROXY_URL" if url else "[proxy] url", exceptions)
    return ProxySetting(*_first(environment, "https_proxy", "HTTPS_PROXY"), exceptions)


def _first(environment: Mapping[str, str], *names: str) -> tuple[str, str]:
    """The value of the first variable that says anything, and its name."""
    said = ((trimmed(environment.get(name, "")), name) for name in names)
    return next((each for each in said if each[0]), ("", ""))


def _parse(url: str) -> Proxy:
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower() != "http":
        raise _unusable("must start with http://: no other way to a proxy is known")
    userinfo, at, where = (rest if separator else url).partition("/")[0].rpartition("@")
    credentials = _basic(userinfo) if at else None
    try:
        address = parse_address(_SCHEME + where)
    except MisconfiguredError:  # which quotes, maybe half a password
        address = None
    if not isinstance(address, NetworkAddress):
        raise _unusable("must be http://[NAME:PASSWORD@]HOST[:PORT]")
    return Proxy(address.host, address.port, credentials)


def _unusable(why: str) -> MisconfiguredError:
    return MisconfiguredError(f"the proxy's url (SEALWRIGHT_PROXY_URL, HTTPS_PROXY) {why}")


def _basic(userinfo: str) -> str:
    name, _, password = userinfo.encode(errors="surrogateescape").partition(b":")
    if b":" in (plain := _unescaped(name)):
        raise _malformed()
    return base64.b64encode(plain + b":" + _unescaped(password)).decode()


def _unescaped(text: bytes) -> bytes:
    def octet(escaped: re.Match[bytes]) -> bytes:
        if escaped[1] is None:
            raise _malformed()
        return bytes.fromhex(escaped[1].decode())

    return _ESCAPED.sub(octet, text)


def _malformed() -> MisconfiguredError:
    return _unusable("has a name or a password that is malformed: write %XX for odd characters")


def _is_named(item: str, target: NetworkAddress) -> bool:
    """A name and all below it, an address, a network, *; with or without a port."""
    host = target.host.partition("%")[0].lower()
    if item == "*" or _is_inside(host, item):
        return True
    name = item
    if item.count(":") == 1 or item.startswith("["):
        name = name.removesuffix(f":{target.port}")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    if name.startswith("*."):
        name = name[1:]
    return bool(name) and (host == name or host.endswith("." + name.removeprefix(".")))


def _is_inside(host: str, network: str) -> bool:
    base, slash, length = network.partition("/")
    address, start = _octets(host), _octets(base)
    if not slash or not re.fullmatch("[0-9]{1,9}", length) or len(address) != len(start):
        return False
    kept = 8 * len(start) - int(length)
    numbers = (int.from_bytes(each) for each in (address, start))
    return bool(start) and kept >= 0 and len({number >> kept for number in numbers}) == 1


def _octets(address: str) -> bytes:
    """Of IPv4 or IPv6; empty if it is neither."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, address)
        except (OSError, ValueError):
            pass
    return b""
