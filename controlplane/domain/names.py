"""Which names identities, signers and policies can have."""

import re

from controlplane.errors import invalid

_IDENTITY = re.compile(r"[A-Za-z0-9@._+-]{1,64}")
_SIGNER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_MAX_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name


def check_identity_name(name: str, field: str = "name") -> None:
    if _IDENTITY.fullmatch(name) is None:
        raise invalid(
            field, f"{name!r} is no identity name: 1 to 64 letters, digits or any of @ . _ + - ."
        )


def check_signer_name(name: str) -> None:
    """A signer's name is its token's label, hence at most 32 bytes (PKCS#11 v2.40 §3.2)."""
    if _SIGNER.fullmatch(name) is None:
        raise invalid(
            "name",
            f"{name!r} is no signer name: 1 to 32 lower-case letters, digits or inner hyphens.",
        )


def check_policy_name(name: str) -> None:
    """As identities; `none` means no policy where one can be named."""
    if _IDENTITY.fullmatch(name) is None or name == "none":
        raise invalid(
            "name",
            f"{name!r} is no policy name: 1 to 64 letters, digits or any of @ . _ + -, not none.",
        )


def check_common_name(name: str) -> None:
    if not 1 <= len(name) <= _MAX_COMMON_NAME or not name.isprintable() or name != name.strip():
        raise invalid(
            "common_name",
            f"A common name has 1 to {_MAX_COMMON_NAME} printable characters, no space around.",
        )
