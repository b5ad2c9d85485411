"""Where a control plane is: http://HOST:PORT, https://HOST:PORT or unix:PATH."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from sealwright.client.errors import MisconfiguredError

DEFAULT_URL = "http://127.0.0.1:8443"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class NetworkAddress:
    """`prefix` is the path under which the API stands, without a slash at its end."""

    url: str
    secure: bool
    host: str  # IPv6 without brackets
    port: int
    prefix: str

    @property
    def is_local(self) -> bool:
        return _is_loopback(self.host)

    @property
    def exposes_keys(self) -> bool:
        """An API key sent there could be read on the way."""
        return not self.secure and not self.is_local


@dataclass(frozen=True, slots=True)
class SocketAddress:
    url: str
    path: str
    prefix: str = ""

    @property
    def exposes_keys(self) -> bool:
        return False


Address = NetworkAddress | SocketAddress


def parse_addresses(urls: str) -> tuple[Address, ...]:
    """One URL, or several with commas between them: they are tried in turn.

    Raises:
        MisconfiguredError: names the URL and what is wrong with it.
    """
    addresses = tuple(_parse_address(url.strip()) for url in urls.split(",") if url.strip())
    if not addresses:
        raise MisconfiguredError(f"no URL in {urls!r}: expected something like {DEFAULT_URL}")
    return addresses


def _parse_address(url: str) -> Address:
    if url.startswith("unix:"):
        path = url.removeprefix("unix:")
        if path.startswith("//"):
            path = path.removeprefix("//")
        if not path.startswith("/"):
            raise MisconfiguredError(
                f"{url}: a socket's path is absolute: unix:/run/sealwright.sock"
            )
        return SocketAddress(url, path)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as fault:
        raise MisconfiguredError(f"{url} is no URL: {fault}") from None
    if parts.username is not None or parts.password is not None:
        raise MisconfiguredError(
            "the URL carries a user name or password: API keys have their own file"
        )
    if parts.scheme not in _DEFAULT_PORTS:
        raise MisconfiguredError(f"{url}: a URL starts with http://, https:// or unix:/")
    if not host:
        raise MisconfiguredError(f"{url}: there is no host in it")
    if parts.query or parts.fragment:
        raise MisconfiguredError(f"{url}: a URL of a control plane has no query or fragment")
    return NetworkAddress(
        url=url.rstrip("/"),
        secure=parts.scheme == "https",
        host=host,
        port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
        prefix=parts.path.rstrip("/"),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # what a name resolves to is not ours to promise
