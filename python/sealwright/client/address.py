"""Where a control plane is: http://HOST:PORT, https://HOST:PORT or unix:PATH."""

import ipaddress
import re
from dataclasses import dataclass

from sealwright.client.errors import MisconfiguredError

DEFAULT_URL = "http://127.0.0.1:8443"
_HIGHEST_PORT = 65535
_LONGEST_SOCKET = 107  # as the system has it
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>/.*)?(?:[?#].*)?")
_AUTHORITY = re.compile(
    r"(?:(?P<name>[0-9A-Za-z._-]+)"
    r"|\[(?P<literal>[0-9A-Fa-f:.]+)(?:%(?:25(?=.))?(?P<zone>[0-9A-Za-z._-]+))?\])"
    r"(?::(?P<port>[0-9]{1,20}))?"
)


@dataclass(frozen=True, slots=True)
class NetworkAddress:
    """`prefix` is the path under which the API stands, without a slash at its end."""

    url: str
    secure: bool
    host: str  # IPv6 without brackets, with its zone behind a % if it has one
    port: int
    prefix: str

    @property
    def is_local(self) -> bool:
        return _is_loopback(self.host.partition("%")[0])

    @property
    def exposes_keys(self) -> bool:
        """An API key sent there could be read on the way."""
        return not self.secure and not self.is_local

    @property
    def host_field(self) -> str | None:
        """For an address with a zone, which means something on this machine only: the value of the
        Host field without it. None: as any HTTP client writes it."""
        address, zone, _ = self.host.partition("%")
        return f"[{address}]:{self.port}" if zone else None


@dataclass(frozen=True, slots=True)
class SocketAddress:
    url: str
    path: str
    prefix: str = ""
    host_field: None = None

    @property
    def exposes_keys(self) -> bool:
        return False


Address = NetworkAddress | SocketAddress


def parse_addresses(urls: str) -> tuple[Address, ...]:
    """One URL, or several with commas between them: they are tried in turn.

    Raises:
        MisconfiguredError: names the URL and what is wrong with it.
    """
    addresses = tuple(parse_address(url.strip()) for url in urls.split(",") if url.strip())
    if not addresses:
        raise MisconfiguredError(f"no URL in {urls!r}: expected something like {DEFAULT_URL}")
    return addresses


def parse_address(written: str) -> Address:
    """By the rules of the module's `parse_url`, so that both take the same URLs.

    Raises:
        MisconfiguredError: says what is wrong with it.
    """
    scheme, colon, rest = written.partition(":")
    url = scheme.lower() + colon + rest
    if "@" in url:
        raise MisconfiguredError(
            "the URL carries a user name or password: API keys have their own file"
        )
    if not all("!" <= character <= "~" for character in url):
        raise MisconfiguredError(
            f"{url}: a URL holds no blanks, control characters or letters outside ASCII"
        )
    if url.startswith("unix:"):
        return _parse_socket(url)
    if (parts := _URL.fullmatch(url)) is None:
        raise MisconfiguredError(f"{url}: a URL starts with http://, https:// or unix:/")
    if "?" in url or "#" in url:
        raise MisconfiguredError(f"{url}: a URL of a control plane has no query or fragment")
    if (authority := _AUTHORITY.fullmatch(parts["authority"])) is None:
        raise MisconfiguredError(f"{url}: there is no host in it, or something odd after it")
    host, zone = authority["name"] or authority["literal"], authority["zone"]
    if authority["literal"] and not _is_ipv6(host):
        raise MisconfiguredError(f"{url}: there is no IPv6 address between the brackets")
    secure = parts["scheme"] == "https"
    port = int(authority["port"] or (443 if secure else 80))
    if not 1 <= port <= _HIGHEST_PORT:
        raise MisconfiguredError(f"{url}: a port is a number from 1 to {_HIGHEST_PORT}")
    return NetworkAddress(
        url=url.rstrip("/"),
        secure=secure,
        host=f"{host}%{zone}" if zone else host,
        port=port,
        prefix=(parts["path"] or "").rstrip("/"),
    )


def _parse_socket(url: str) -> SocketAddress:
    path = url.removeprefix("unix:").removeprefix("//")
    if not path.startswith("/"):
        raise MisconfiguredError(f"{url}: a socket's path is absolute: unix:/run/sealwright.sock")
    path = "/" + path.lstrip("/")
    if len(path) > _LONGEST_SOCKET:
        raise MisconfiguredError(f"{url}: a socket's path has at most {_LONGEST_SOCKET} characters")
    return SocketAddress(url, path)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # what a name resolves to is not ours to promise
