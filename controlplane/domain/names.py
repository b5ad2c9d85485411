"""Which names identities, groups, signers and policies can have."""

import re
from dataclasses import dataclass

from controlplane.domain.ranges import Range
from controlplane.errors import invalid


@dataclass(frozen=True, slots=True)
class Shape:
    """`pattern`: of a whole name, a regular expression that Python and JSON Schema read alike."""

    length: Range
    pattern: str

    def fits(self, name: str) -> bool:
        return len(name) in self.length and re.fullmatch(self.pattern, name) is not None


GROUP_MARK = "@"  # before a group's name where an identity could be named
_WITHOUT_MARK = "[A-Za-z0-9._+-][A-Za-z0-9@._+-]*"
IDENTITY_NAME = Shape(Range(1, 64), _WITHOUT_MARK)
GROUP_NAME = Shape(Range(1, 63), _WITHOUT_MARK)  # with the mark as long as an identity's
# An identity or a group; identities of earlier versions may begin with the mark.
MENTION = Shape(Range(1, 64), "[A-Za-z0-9@._+-]+")
POLICY_NAME = MENTION
EMAIL = Range(3, 254)  # characters of an address (RFC 5321 §4.5.3.1.3, without its brackets)
# A signer's name is its token's label, hence at most 32 bytes (PKCS#11 v2.40 §3.2).
SIGNER_NAME = Shape(Range(1, 32), "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def check_identity_name(name: str, field: str = "name") -> None:
    if not IDENTITY_NAME.fits(name):
        raise invalid(
            field,
            f"{name!r} is no identity name: {IDENTITY_NAME.length} letters, digits or any of "
            "@ . _ + -, not @ first, which names a group.",
        )


def check_group_name(name: str) -> None:
    if not GROUP_NAME.fits(name):
        raise invalid(
            "name",
            f"{name!r} is no group name: {GROUP_NAME.length} letters, digits or any of "
            "@ . _ + -, not @ first, which stands before it where it is named.",
        )


def check_email(address: str) -> None:
    """Plain: whether it reaches anybody only a message would tell."""
    before, _, after = address.partition("@")
    plain = address.isprintable() and not any(character.isspace() for character in address)
    if len(address) not in EMAIL or not plain or not before or not after or "@" in after:
        raise invalid(
            "email",
            f"{address!r} is no e-mail address: {EMAIL} printable characters without white space, "
            "with one @ within.",
        )


def check_signer_name(name: str) -> None:
    if not SIGNER_NAME.fits(name):
        raise invalid(
            "name",
            f"{name!r} is no signer name: {SIGNER_NAME.length} lower-case letters, digits or "
            "inner hyphens.",
        )


def check_policy_name(name: str) -> None:
    """As identities; `none` means no policy where one can be named."""
    if not POLICY_NAME.fits(name) or name == "none":
        raise invalid(
            "name",
            f"{name!r} is no policy name: {POLICY_NAME.length} letters, digits or any of "
            "@ . _ + -, not none.",
        )
