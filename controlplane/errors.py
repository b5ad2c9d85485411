"""Refusals that a caller may read: a stable code, an HTTP status, a sentence for a person."""


class Refused(Exception):  # noqa: N818  # a refusal is an answer, not a fault
    """Raised anywhere below the API; the API answers it as a problem document (RFC 9457)."""

    def __init__(
        self,
        code: str,
        title: str,
        *,
        status: int,
        field: str | None = None,
        request: str | None = None,
        retry_after: int | None = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.status = status
        self.field = field
        self.request = request  # id of the pending request that could lift the refusal
        self.retry_after = retry_after  # seconds
        # In the words of what broke, which may name paths, hosts and users: for the log and for
        # commands on the server's machine, never in an answer.
        self.cause = cause


def invalid(field: str, title: str) -> Refused:
    """400: a value is of the wrong type or out of range; names the field."""
    return Refused("invalid_request", title, status=400, field=field)


def not_found(what: str, name: str) -> Refused:
    """404: absent, or not for this caller to see: the two are not told apart."""
    return Refused(
        f"{what}_not_found", f"There is no {what} {name!r} that you may see.", status=404
    )


def conflict(code: str, title: str) -> Refused:
    return Refused(code, title, status=409)


def forbidden(code: str, title: str) -> Refused:
    return Refused(code, title, status=403)
