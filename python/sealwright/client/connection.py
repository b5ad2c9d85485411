"""Where, as whom and with which certificates a client calls."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sealwright.client.address import DEFAULT_URL, Address, parse_addresses
from sealwright.client.environment import variable, variable_is_true
from sealwright.client.errors import MisconfiguredError
from sealwright.client.private_file import changed_by_others
from sealwright.client.proxy import NO_PROXY, ProxySetting, find_proxy
from sealwright.client.secret_file import API_KEY, read_secret


@dataclass(frozen=True, slots=True)
class Connection:
    """Checked once, when it is made; holds everything that a client needs to know.

    Times are seconds. Files are PEM. `api_key` never shows in a representation.
    """

    addresses: tuple[Address, ...]
    api_key: str | None = field(repr=False)
    ca_file: Path | None = None  # None: the system's store
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: ProxySetting = NO_PROXY  # for https to other machines
    any_on_loopback: bool = False  # there a server may show any certificate; never with a key
    connect_timeout: float = 5
    read_timeout: float = 30

    @classmethod
    def resolve(
        cls,
        environment: Mapping[str, str],
        *,
        url: str | None = None,
        api_key_file: str | None = None,
        ca_file: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        insecure: bool = False,
        with_key: bool = True,
    ) -> "Connection":
        """Arguments win over SEALWRIGHT_URL, _API_KEY, _API_KEY_FILE, _CA_FILE, _CLIENT_CERT,
        _CLIENT_KEY and _INSECURE in `environment`; an empty variable counts as unset. The proxy is
        that of the environment. Not `with_key`: none is looked for, but the caller will get one.

        Raises:
            MisconfiguredError: says which of them cannot be used, and why.
        """
        addresses = parse_addresses(url or variable(environment, "URL") or DEFAULT_URL)
        api_key = find_api_key(environment, api_key_file) if with_key else None
        exposed = next((address for address in addresses if address.exposes_keys), None)
        carries_key = api_key or not with_key
        if carries_key and exposed and not (insecure or variable_is_true(environment, "INSECURE")):
            raise MisconfiguredError(
                f"{exposed.url} would carry the API key over the network in clear: use https, "
                "or say --insecure (SEALWRIGHT_INSECURE=true)"
            )
        return cls(
            addresses=addresses,
            api_key=api_key,
            ca_file=_readable("--ca-file", ca_file or variable(environment, "CA_FILE")),
            client_cert=_readable(
                "--client-cert", client_cert or variable(environment, "CLIENT_CERT")
            ),
            client_key=_readable("--client-key", client_key or variable(environment, "CLIENT_KEY")),
            proxy=find_proxy(environment),
        )


def find_api_key(environment: Mapping[str, str], api_key_file: str | None = None) -> str | None:
    """The key of the file given, else SEALWRIGHT_API_KEY, else SEALWRIGHT_API_KEY_FILE's.

    Raises:
        MisconfiguredError: no key in there, or a file that others can read.
    """
    if not api_key_file and (key := variable(environment, "API_KEY")):
        if not API_KEY.fits(key):
            raise MisconfiguredError(
                f"SEALWRIGHT_API_KEY does not hold an API key: {API_KEY.shape}"
            )
        return key
    path = api_key_file or variable(environment, "API_KEY_FILE")
    return read_secret(Path(path), API_KEY) if path else None


def _readable(option: str, path: str | None) -> Path | None:
    if not path:
        return None
    if not os.access(path, os.R_OK):
        raise MisconfiguredError(f"{option}: cannot read {path}")
    if fault := changed_by_others(Path(path).stat()):
        raise MisconfiguredError(f"{option} {path}: {fault}")
    return Path(path)
