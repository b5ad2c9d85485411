"""Through what https leaves this machine: SEALWRIGHT_PROXY_URL, else HTTPS_PROXY; and NO_PROXY."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from sealwright.client.errors import MisconfiguredError

_SHAPE = "the proxy's url must be http://[NAME:PASSWORD@]HOST[:PORT]"


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` is without credentials, which are NAME:PASSWORD; `exceptions` are NO_PROXY's items."""

    url: str
    credentials: str | None = field(repr=False)
    exceptions: tuple[str, ...]

    def serves(self, host: str, port: int) -> bool:
        return not any(_is_named(item, host.lower(), port) for item in self.exceptions)


def find_proxy(environment: Mapping[str, str], configured: str | None = None) -> Proxy | None:
    """`configured` is `[proxy] url` of the module's file.

    Raises:
        MisconfiguredError: its url cannot be used; neither name nor password is shown.
    """
    own = environment.get("SEALWRIGHT_PROXY_URL") or configured
    url = own or environment.get("https_proxy") or environment.get("HTTPS_PROXY")
    if not url:
        return None
    exceptions = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return _parse(url, tuple(re.split(r"[,\s]+", exceptions.lower().strip())))


def _parse(url: str, exceptions: tuple[str, ...]) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise MisconfiguredError(_SHAPE) from None
    if parts.scheme != "http" or not host or port == 0:
        raise MisconfiguredError(_SHAPE)
    credentials = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    shown = f"[{host}]" if ":" in host else host
    return Proxy(f"http://{shown}:{port or 80}", credentials, exceptions)


def _is_named(item: str, host: str, port: int) -> bool:
    """A name and all below it, an address, a network, *; with or without a port."""
    if item == "*" or _is_inside(host, item):
        return True
    name = item.removesuffix(f":{port}") if item.count(":") == 1 or item[:1] == "[" else item
    name = name.strip("[]").removeprefix("*")
    return bool(name) and (host == name or host.endswith("." + name.removeprefix(".")))


def _is_inside(host: str, network: str) -> bool:
    try:
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, False)
    except ValueError:
        return False
