"""What `sealwright serve` was told, parsed once; every fault is reported in one go."""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.admission.proxies import TrustedProxies
from controlplane.certificates.server import Tls, parse_tls
from controlplane.errors import Code, Refused

DEFAULT_BIND = "127.0.0.1:8443"
DEFAULT_WORKERS = 2
DEFAULT_THREADS = 4

MOST_WORKERS = 64
_MOST_THREADS = 128
_LONGEST_SOCKET_PATH = 107  # bytes: sun_path of unix(7) less its terminator


_HASH = re.compile("[0-9a-f]{64}")


class InvalidSettings(Refused):
    """The server cannot start like this; `faults` has a sentence for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(Code.INVALID_SETTINGS, "\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    host: str  # an address, or a name; IPv6 without brackets
    port: int  # 0: any free one

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False  # what a name resolves to is not ours to promise

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class Settings:
    data_dir: Path
    bind: TcpAddress | UnixAddress
    workers: int
    threads: int
    tls: Tls | None
    master_key_file: Path | None  # None: in the data directory
    database: str | None  # URL; None: SQLite in the data directory
    proxies: TrustedProxies
    metrics_named: bool  # whether /metrics names signers to everybody
    anchor: Path | None  # None: in the data directory
    accepted_rollback: str | None  # the head of a store that went back in time, to go on from

    @classmethod
    def parse(
        cls,
        *,
        data_dir: str | Path,
        bind: str = DEFAULT_BIND,
        workers: int = DEFAULT_WORKERS,
        threads: int = DEFAULT_THREADS,
        tls_cert: str | Path | None = None,
        tls_key: str | Path | None = None,
        client_ca: str | Path | None = None,
        insecure: bool = False,
        master_key_file: str | Path | None = None,
        database: str | None = None,
        trusted_proxies: Sequence[str] = (),
        metrics_named: bool = False,
        anchor: str | Path | None = None,
        accept_rollback: str | None = None,
    ) -> "Settings":
        """The arguments of the command line as they stand there. Raises InvalidSettings with every
        fault that was found."""
        faults: list[str] = []
        if not 1 <= workers <= MOST_WORKERS:
            faults.append(f"--workers must be between 1 and {MOST_WORKERS}, not {workers}.")
        if not 1 <= threads <= _MOST_THREADS:
            faults.append(f"--threads must be between 1 and {_MOST_THREADS}, not {threads}.")
        address = _parse_address(bind, faults)
        tls = parse_tls(tls_cert, tls_key, client_ca, faults)
        try:
            proxies = TrustedProxies.parse(trusted_proxies)
        except ValueError as fault:
            faults.append(f"--trusted-proxy: {fault}.")
        if accept_rollback is not None and _HASH.fullmatch(accept_rollback) is None:
            faults.append("--accept-rollback: a hash is 64 hexadecimal digits, in lower case.")
        in_clear = tls_cert is None and tls_key is None and not insecure
        if in_clear and isinstance(address, TcpAddress) and not address.is_loopback:
            faults.append(
                f"--bind {bind} can be reached from other machines, and API keys would cross the "
                "network in clear: give --tls-cert and --tls-key, bind to 127.0.0.1 or to a unix "
                "socket, or say --insecure."
            )
        if faults or address is None:
            raise InvalidSettings(faults)
        return cls(
            data_dir=Path(data_dir),
            bind=address,
            workers=workers,
            threads=threads,
            tls=tls,
            master_key_file=None if master_key_file is None else Path(master_key_file),
            database=database,
            proxies=proxies,
            metrics_named=metrics_named,
            anchor=None if anchor is None else Path(anchor),
            accepted_rollback=accept_rollback,
        )


def _parse_address(bind: str, faults: list[str]) -> TcpAddress | UnixAddress | None:
    if bind.startswith("unix:"):
        path = Path(bind.removeprefix("unix:"))
        if not path.is_absolute():
            path = Path.cwd() / path
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            faults.append(
                f"--bind: the path {path} is longer than {_LONGEST_SOCKET_PATH} bytes, "
                "which is all that a unix socket can have."
            )
            return None
        if not path.parent.is_dir():
            faults.append(f"--bind: there is no folder {path.parent} to put the socket in.")
            return None
        return UnixAddress(path)
    host, colon, port = bind.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        faults.append(
            f"--bind {bind!r} is neither HOST:PORT (an IPv6 address in brackets) nor unix:PATH."
        )
        return None
    return TcpAddress(host, int(port))
