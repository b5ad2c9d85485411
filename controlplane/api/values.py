"""Types of what callers send, made from the domain's ranges: those that several resources take.

Every string is a `Text` or of a narrower type, and every integer has a greatest value: a store
must be able to hold them.
"""

from typing import Annotated

from msgspec import Meta

from controlplane.api.text import MAX_INTEGER, Text
from controlplane.domain.names import IDENTITY_NAME, MENTION, POLICY_NAME, Shape
from controlplane.domain.ranges import TEXT, Range

SHA256 = "^[0-9a-f]{64}$"


def number(of: Range, description: str | None = None) -> Meta:
    return Meta(ge=of.least, le=of.most, description=description)


def length(of: Range, description: str | None = None) -> Meta:
    """Characters of a text, or items of a list."""
    return Meta(min_length=of.least or None, max_length=of.most, description=description)


def shape(of: Shape, description: str) -> Meta:
    return Meta(
        min_length=of.length.least,
        max_length=of.length.most,
        pattern=f"^{of.pattern}$",
        description=f"{of.length} of {description}",
    )


NewIdentityName = Annotated[str, shape(IDENTITY_NAME, "A-Z a-z 0-9 @ . _ + -; not @ first")]
IdentityMention = Annotated[str, shape(MENTION, "A-Z a-z 0-9 @ . _ + -")]
Mention = Annotated[
    str, shape(MENTION, "A-Z a-z 0-9 @ . _ + -: an identity, or with @ before its name a group")
]
PolicyName = Annotated[str, shape(POLICY_NAME, "A-Z a-z 0-9 @ . _ + -; not none")]
Window = Annotated[
    int,
    number(Range(1, MAX_INTEGER), "seconds; at most the policy's ceiling, which is the default"),
]
Signings = Annotated[
    int, number(Range(1, MAX_INTEGER), "at most the ceiling, which is the default")
]
Why = Annotated[Text, length(TEXT)]
