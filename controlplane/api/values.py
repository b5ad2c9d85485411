"""Types of what callers send, where more than one resource takes them.

Every string is a `Text` or of a narrower type, and every integer has a greatest value: a store
must be able to hold them.
"""

from typing import Annotated

from msgspec import Meta

from controlplane.api.text import MAX_INTEGER, Text

IdentityName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9@._+-]+$",
        description="1 to 64 of A-Z a-z 0-9 @ . _ + -",
    ),
]
PolicyName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9@._+-]+$",
        description="1 to 64 of A-Z a-z 0-9 @ . _ + -; not none",
    ),
]
Window = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_INTEGER,
        description="seconds; at most the policy's ceiling, which is the default",
    ),
]
Signings = Annotated[
    int, Meta(ge=1, le=MAX_INTEGER, description="at most the ceiling, which is the default")
]
Why = Annotated[Text, Meta(min_length=1, max_length=2048)]
