"""The certificate that the server itself shows its callers, in files of its operator."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from controlplane.certificates.handshake import ServerContext


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: Path  # PEM, leaf first
    key: Path
    client_ca: Path | None  # PEM; callers then need a certificate from one of these

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer.

        Raises:
            OSError: a file cannot be read, or does not hold what it should (ssl.SSLError).
        """
        context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self.certificate, self.key)
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def parse_tls(
    certificate: str | Path | None,
    key: str | Path | None,
    client_ca: str | Path | None,
    faults: list[str],
) -> Tls | None:
    """The options `--tls-cert`, `--tls-key`, `--client-ca`; what is wrong with them is added to
    `faults`."""
    if certificate is None and key is None:
        if client_ca is not None:
            faults.append("--client-ca asks for --tls-cert and --tls-key.")
        return None
    if certificate is None or key is None:
        faults.append("--tls-cert and --tls-key go together: one of them is missing.")
        return None
    named = {"--tls-cert": certificate, "--tls-key": key, "--client-ca": client_ca}
    missing = [
        f"{option}: cannot read {path}."
        for option, path in named.items()
        if path is not None and not os.access(path, os.R_OK)
    ]
    if missing:
        faults.extend(missing)
        return None
    if Path(key).stat().st_mode & 0o007:
        faults.append(f"--tls-key: everybody on this machine can read {key}: chmod 600 it.")
        return None
    tls = Tls(Path(certificate), Path(key), None if client_ca is None else Path(client_ca))
    try:
        tls.context()
    except OSError as fault:
        faults.append(f"--tls-cert, --tls-key, --client-ca: {_what_is_wrong(fault)}.")
        return None
    return tls


def _what_is_wrong(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLError) and fault.reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return f"not usable PEM files ({fault})"
