"""Why somebody asks, decides or revokes: kept for ever, so checked and cleaned first."""

from controlplane.domain.ranges import TEXT
from controlplane.domain.redaction import redact
from controlplane.errors import invalid


def check_text(field: str, text: str) -> str:
    """Without space around, and without what looks like a secret. Refused 400 for an empty or
    overlong one."""
    text = text.strip()
    if len(text) not in TEXT:
        raise invalid(field, f"{field}: {TEXT} characters that say why.")
    return redact(text)


def check_comment(comment: str | None) -> str | None:
    """The same where none is needed."""
    return check_text("comment", comment) if comment and comment.strip() else None
