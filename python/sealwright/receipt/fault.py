"""Why a receipt is not valid."""

from enum import StrEnum


class Reason(StrEnum):
    """What does not hold; docs/receipts.md lists them."""

    MALFORMED = "malformed"
    OTHER_LOG = "other_log"
    NOT_SIGNED = "not_signed"
    SIGNATURE_WRONG = "signature_wrong"
    NOT_WITNESSED = "not_witnessed"
    NOT_INCLUDED = "not_included"
    ROW_UNREADABLE = "row_unreadable"
    ROW_TOO_NEW = "row_too_new"
    COMMITMENT_DIFFERS = "commitment_differs"
    NOTHING_SIGNED = "nothing_signed"
    DIGEST_DIFFERS = "digest_differs"
    FILE_DIFFERS = "file_differs"
    APPROVAL_DIFFERS = "approval_differs"
    NOT_APPROVED = "not_approved"
    APPROVAL_UNPROVEN = "approval_unproven"


class NotValidError(Exception):
    """`str()` of it: a sentence that says what, and where."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
