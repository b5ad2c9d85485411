"""Typed HTTP client of the control plane (contract: docs/api.md).

`Client` speaks to one control plane; `Connection` says where it is and who calls.
"""

from sealwright.client.client import Answer, Client
from sealwright.client.connection import Connection
from sealwright.client.errors import (
    ClientError,
    Misconfigured,
    Refused,
    UnexpectedAnswer,
    Unreachable,
)

__all__ = [
    "Answer",
    "Client",
    "ClientError",
    "Connection",
    "Misconfigured",
    "Refused",
    "UnexpectedAnswer",
    "Unreachable",
]
