"""What a rollback suspended: the rows that were lost may have revoked it, or used it up."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SuspensionKind(StrEnum):
    API_KEY = "api_key"
    APPROVAL = "approval"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Suspension:
    """`id`: of the key or the grant; of an approval `BALLOT:STEP:APPROVER`, where the step counts
    from 1. `identity`: the name of whose it is. `signer`: that it is about."""

    kind: SuspensionKind
    id: str
    identity: str
    signer: str | None
    at: datetime

    @property
    def position(self) -> str:
        """In a list."""
        return f"{self.kind.value} {self.id}"
