"""Requests and answers over http, https or a unix socket, on urllib3.

Redirects are never followed, nothing is tried twice: a call that may have been carried out is the
caller's to repeat. Only an address to which no connection can be made gives way to the next one.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from sealwright.client.address import Address, SocketAddress
from sealwright.client.connection import Connection
from sealwright.client.errors import MisconfiguredError, UnexpectedAnswerError, UnreachableError

_LARGEST_BODY = 64 << 20  # bytes
_CHUNK = 1 << 16  # bytes
_NAME_ITS_CA = "Name its CA with --ca-file or SEALWRIGHT_CA_FILE."
_ANOTHER_NAME = "Call the server by a name that its certificate is for, or give it one for this."
_REMEDIES = {  # of X509_V_ERR_…
    9: "Is this machine's clock right? If so, the server's certificate is not valid yet.",
    10: "Renew the server's certificate, or the one of the authority above it.",
    62: _ANOTHER_NAME,
    64: _ANOTHER_NAME,
}
_OF_PLAIN_HTTP = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}


@dataclass(frozen=True, slots=True)
class Response:
    """`date` is the server's clock as its header has it."""

    status: int
    body: bytes
    date: str | None
    retry_after: str | None
    url: str


class Transport:
    """One control plane; connections are kept for as long as it lives. Not for several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._timeout = urllib3.Timeout(
            connect=connection.connect_timeout, read=connection.read_timeout
        )
        self._pools: dict[str, HTTPConnectionPool] = {}

    def request(
        self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> Response:
        """
        Raises:
            UnreachableError: no address answered. UnexpectedAnswerError: more than is ever sent.
        """
        return _whole(*self._open(method, path, body, headers))

    def stream(self, path: str, headers: Mapping[str, str]) -> Response | Iterator[bytes]:
        """The body of a GET, in pieces as they come; an answer other than 200 is a Response."""
        address, raw = self._open("GET", path, None, headers)
        return _pieces(address, raw) if raw.status == 200 else _whole(address, raw)

    def _open(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[Address, urllib3.BaseHTTPResponse]:
        failures: list[str] = []
        for address in self._connection.addresses:
            field = address.host_field
            try:
                response = self._pool(address).urlopen(
                    method,
                    address.prefix + path,
                    body=body,
                    headers=dict(headers) | ({"Host": field} if field else {}),
                    retries=False,
                    redirect=False,
                    timeout=self._timeout,
                    preload_content=False,
                    decode_content=False,
                )
            except (NewConnectionError, ConnectTimeoutError) as fault:
                failures.append(f"{address.url}: {_cause(fault)}")
            except (HTTPError, OSError) as fault:
                raise UnreachableError(f"{address.url}: {_cause(fault)}", _remedy(fault)) from None
            else:
                return address, response
        raise UnreachableError("; ".join(failures))

    def _pool(self, address: Address) -> HTTPConnectionPool:
        if address.url not in self._pools:
            try:
                self._pools[address.url] = _make_pool(address, self._connection)
            except (OSError, LocationParseError) as fault:
                raise MisconfiguredError(
                    f"{address.url}: the CA or client certificate files are not usable: {fault}"
                ) from None
        return self._pools[address.url]


def _make_pool(address: Address, connection: Connection) -> HTTPConnectionPool:
    if isinstance(address, SocketAddress):
        return _SocketPool(address.path)
    # urllib3 knows a zone in the form of RFC 6874 only.
    host = f"[{address.host.replace('%', '%25')}]" if "%" in address.host else address.host
    if not address.secure:
        return HTTPConnectionPool(host, address.port)
    context = ssl.create_default_context(cafile=connection.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if connection.client_cert is not None:
        context.load_cert_chain(connection.client_cert, connection.client_key)
    proxy = connection.proxy
    if proxy is None or address.is_local or not proxy.serves(address.host, address.port):
        return urllib3.HTTPSConnectionPool(host, address.port, ssl_context=context)
    credentials = urllib3.make_headers(proxy_basic_auth=proxy.credentials)
    manager = urllib3.ProxyManager(proxy.url, proxy_headers=credentials, ssl_context=context)
    return manager.connection_from_host(address.host, address.port, "https")


class _SocketConnection(HTTPConnection):
    def __init__(self, path: str, **options: Any) -> None:
        super().__init__("localhost", **options)
        self._path = path

    def _new_conn(self) -> socket.socket:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if isinstance(self.timeout, int | float):
                connected.settimeout(self.timeout)
            connected.connect(self._path)
        except OSError as fault:
            connected.close()
            raise NewConnectionError(self, str(fault)) from fault
        return connected


class _SocketPool(HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> _SocketConnection:
        return _SocketConnection(self._path, timeout=self.timeout.connect_timeout)


def _whole(address: Address, raw: urllib3.BaseHTTPResponse) -> Response:
    body = bytearray()
    for piece in _pieces(address, raw):
        body += piece
        if len(body) > _LARGEST_BODY:
            raw.close()
            raise UnexpectedAnswerError(
                f"{address.url} answered with more than {_LARGEST_BODY} bytes"
            )
    headers = raw.headers
    return Response(
        raw.status, bytes(body), headers.get("Date"), headers.get("Retry-After"), address.url
    )


def _pieces(address: Address, raw: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from raw.stream(_CHUNK, decode_content=False)
    except (HTTPError, OSError) as fault:
        raise UnreachableError(
            f"{address.url}: {_cause(fault)} in the middle of the answer"
        ) from None
    finally:
        raw.release_conn()


def _cause(fault: Exception) -> str:
    """The innermost reason, in words of the system where there are some."""
    if isinstance(fault, ConnectTimeoutError) and not isinstance(fault, NewConnectionError):
        return "no answer to a connection in time"
    if isinstance(fault, ReadTimeoutError):
        return "no answer in time"
    inner = _innermost(fault)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not trusted ({inner.verify_message.rstrip('.')})"
    if _is_plain_http(inner):
        return "this port speaks plain HTTP, not TLS"
    if isinstance(inner, ssl.SSLError | SSLError):
        return f"TLS failed ({getattr(inner, 'reason', None) or inner})"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return str(inner) or type(inner).__name__


def _remedy(fault: Exception) -> str | None:
    """What to do about a fault that is no server's being away."""
    inner = _innermost(fault)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return _REMEDIES.get(inner.verify_code, _NAME_ITS_CA)
    if _is_plain_http(inner):
        return "Name the port that speaks TLS, or write http:// in the URL."
    if "407" in str(inner):  # of a proxy
        return "Put a name and a password into SEALWRIGHT_PROXY_URL: http://NAME:PASSWORD@HOST:PORT"
    return None


def _is_plain_http(fault: BaseException) -> bool:
    return isinstance(fault, ssl.SSLError) and fault.reason in _OF_PLAIN_HTTP


def _innermost(fault: BaseException) -> BaseException:
    inner: BaseException = fault
    while True:
        below = inner.__cause__ or inner.__context__
        if below is None:
            reason = getattr(inner, "reason", None)
            below = reason if isinstance(reason, BaseException) else None
        if below is None:
            break
        inner = below
    return inner
