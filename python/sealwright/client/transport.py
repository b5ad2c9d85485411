"""Requests and answers over http, https or a unix socket, on urllib3.

Redirects are never followed, nothing is tried twice: a call that may have been carried out is the
caller's to repeat. Only an address to which no connection can be made gives way to the next one.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    LocationParseError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from sealwright.client.address import Address, SocketAddress
from sealwright.client.authorities import trust
from sealwright.client.connection import Connection
from sealwright.client.errors import MisconfiguredError, UnexpectedAnswerError, UnreachableError
from sealwright.client.proxy import Proxy

NOTICES = "Sealwright-Notices"
"""In a request: say how many there are. In its answer: that there are some."""
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
_CHECK_THE_PROXY = (
    "Check the proxy (SEALWRIGHT_PROXY_URL, HTTPS_PROXY), or name the server in NO_PROXY."
)
_SAY_WHO = "Put a name and a password into SEALWRIGHT_PROXY_URL: http://NAME:PASSWORD@HOST:PORT"
_CORRECT_WHO = (
    "Correct name and password in SEALWRIGHT_PROXY_URL or HTTPS_PROXY; odd characters as %XX."
)
_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})")  # of http.client
_OF_PLAIN_HTTP = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}


@dataclass(frozen=True, slots=True)
class Response:
    """`date` is the server's clock as its header has it; `notices`: there are some for the
    caller."""

    status: int
    body: bytes
    date: str | None
    retry_after: str | None
    url: str
    notices: bool = False


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
        next_step: str | None = None
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
            except ProxyError as fault:
                words, next_step = _fault_of_proxy(fault, self._connection.proxy.way_to(address))
                failures.append(f"{address.url}: {words}")
            except (HTTPError, OSError) as fault:
                raise UnreachableError(f"{address.url}: {_cause(fault)}", _remedy(fault)) from None
            else:
                return address, response
        raise UnreachableError("; ".join(failures), next_step)

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
    context = trust(connection.ca_file, os.environ)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if connection.any_on_loopback and connection.api_key is None and address.is_local:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        urllib3.disable_warnings(InsecureRequestWarning)  # to people, of what was asked for
    if connection.client_cert is not None:
        context.load_cert_chain(connection.client_cert, connection.client_key)
    if (proxy := connection.proxy.way_to(address)) is None:
        return urllib3.HTTPSConnectionPool(host, address.port, ssl_context=context)
    headers = {"Proxy-Authorization": f"Basic {proxy.credentials}"} if proxy.credentials else {}
    manager = urllib3.ProxyManager(proxy.url, proxy_headers=headers, ssl_context=context)
    pool = manager.connection_from_host(address.host, address.port, "https")
    pool.ConnectionCls = _TunnelledConnection
    return pool


class _TunnelledConnection(HTTPSConnection):
    """Until the tunnel is open every fault is the proxy's, and after that none."""

    def _tunnel(self) -> None:
        try:
            super()._tunnel()
        except (OSError, HTTPException) as fault:
            raise ProxyError("no tunnel", fault) from fault


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
        raw.status,
        bytes(body),
        headers.get("Date"),
        headers.get("Retry-After"),
        address.url,
        NOTICES in headers,
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
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, HTTPException):
        return "no answer that makes sense"
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
    return None


def _fault_of_proxy(fault: ProxyError, proxy: Proxy | None) -> tuple[str, str]:
    """What is wrong with it, and what to do."""
    name = f"proxy {proxy.url}" if proxy else "proxy"
    refused = _REFUSED_TUNNEL.match(str(_innermost(fault)))
    if refused is None:
        return f"{name}: {_cause(fault)}", _CHECK_THE_PROXY
    if refused[1] != "407":
        return f"{name} opens no way there ({refused[1]})", _CHECK_THE_PROXY
    if proxy and proxy.credentials:
        return f"{name} does not accept this name and password (407)", _CORRECT_WHO
    return f"{name} asks for a name and a password (407)", _SAY_WHO


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
