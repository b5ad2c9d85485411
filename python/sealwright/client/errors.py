"""What can go wrong between a caller and the control plane, as words for a person."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # commands that call no server start faster without it
    from sealwright.client.objects import ProposedChange


class ClientError(Exception):
    """A call that brought no answer of use. The text names what and where, and never a key."""


class MisconfiguredError(ClientError):
    """An address, key or certificate file that cannot be used; nothing was sent."""


class UnreachableError(ClientError):
    """No control plane answered; `next_step` says what to do about it, where that is known."""

    def __init__(self, text: str, next_step: str | None = None) -> None:
        super().__init__(text)
        self.next_step = next_step


class UnexpectedAnswerError(ClientError):
    """Something answered that does not speak as a control plane does."""


class Proposed(ClientError):  # noqa: N818  # an answer, not a fault
    """Nothing changed yet: others have to agree. `body` is the API's own JSON."""

    def __init__(self, change: "ProposedChange", body: bytes) -> None:
        super().__init__(f"Proposed as {change.proposal.id}.")
        self.change = change
        self.body = body


class Refused(ClientError):  # noqa: N818  # an answer, not a fault
    """The control plane said no: an RFC 9457 problem document.

    `code` is stable, `title` a sentence, `field` the offending part of what was sent, `request`
    the id of a request for approval that is open.
    """

    def __init__(
        self,
        *,
        status: int,
        code: str,
        title: str,
        request_id: str | None = None,
        detail: str | None = None,
        field: str | None = None,
        request: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.request_id = request_id
        self.detail = detail
        self.field = field
        self.request = request
        self.retry_after = retry_after  # seconds
