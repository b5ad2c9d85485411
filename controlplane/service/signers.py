"""Named code signers: their keys, certificates and state."""

from dataclasses import dataclass

from controlplane.domain.model import Caller, KeyAlgorithm, MemberRole, Signer, SignerStatus
from controlplane.domain.page import Page, PageRequest


@dataclass(frozen=True, slots=True)
class SignerView:
    """A signer as this caller sees it now."""

    signer: Signer
    status: SignerStatus
    role: MemberRole | None  # the caller's
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignerCertificate:
    certificate: str  # PEM
    chain: tuple[str, ...]  # PEM, the leaf's issuer first, root last
    serial: str


class Signers:
    def create(
        self,
        caller: Caller,
        name: str,
        key: KeyAlgorithm,
        common_name: str,
        days: int | None = None,
        external: bool = False,
    ) -> SignerView:
        """A new key pair; a certificate of the built-in CA for `days` (1 to 460, default 365), or
        none yet when `external`. Refused 400, 403, 409 signer_exists, 409 signer_name_used."""
        raise NotImplementedError

    def list(self, caller: Caller, page: PageRequest) -> Page[SignerView]:
        """By number: those that the caller may see."""
        raise NotImplementedError

    def get(self, caller: Caller, name: str) -> SignerView:
        """Refused 404 signer_not_found, also where the caller may not see it."""
        raise NotImplementedError

    def disable(self, caller: Caller, name: str) -> SignerView:
        raise NotImplementedError

    def enable(self, caller: Caller, name: str) -> SignerView:
        raise NotImplementedError

    def renew(self, caller: Caller, name: str, days: int | None = None) -> SignerView:
        """A new key pair, and a certificate for it. An external signer keeps signing with the old
        pair until the chain for the new one is installed."""
        raise NotImplementedError

    def delete(self, caller: Caller, name: str) -> None:
        """Its rows stay; its name and number are never given again; its private keys are gone."""
        raise NotImplementedError

    def csr(self, caller: Caller, name: str) -> str:
        """PEM of the PKCS#10 request of an external signer; Refused 409 signer_not_external."""
        raise NotImplementedError

    def install_certificate(self, caller: Caller, name: str, chain: str) -> SignerView:
        """`chain`: PEM of leaf and issuers in any order, root included. Refused 400 naming
        `chain` with what is wrong, 409 signer_not_external."""
        raise NotImplementedError

    def certificate(self, caller: Caller, name: str) -> SignerCertificate:
        """Refused 409 signer_pending while there is none."""
        raise NotImplementedError

    def ca_certificate(self) -> str:
        """PEM of the built-in CA: intermediate, then root. For any caller."""
        raise NotImplementedError
