"""The log of a store, as the API answers it, for who can read the store: without a server, and
without the master key."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from controlplane.api import reports
from controlplane.api.operations import End, OperationsQuery, export_lines, operation
from controlplane.api.pages import items
from controlplane.api.state import State
from controlplane.api.structs import made
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.service.location import Location
from controlplane.service.log import Log
from controlplane.service.state_check import StateVerdict
from controlplane.service.stored_log import check_state, log_of, open_to_read


class StoredLog:
    """Answers are JSON, or pieces of NDJSON. Refused as the API refuses; `check_state` too."""

    def __init__(self, log: Log, check_state: Callable[[], StateVerdict]) -> None:
        self._log = log
        self._check_state = check_state

    def operations(self, limit: int, cursor: str | None, where: Mapping[str, Any]) -> bytes:
        """`where`: as in the API's query; None says nothing."""
        query = _convert(where, OperationsQuery)
        page = self._log.list(made(OperationFilter, query), PageRequest(limit, cursor), None)
        return msgspec.json.encode(items(page, operation))

    def report(self, limit: int, cursor: str | None, where: Mapping[str, Any]) -> bytes:
        wanted = reports.where(_convert(where, reports.ReportQuery))
        page = PageRequest(limit, cursor)
        return msgspec.json.encode(reports.report(self._log.report(wanted, page, None)))

    def explain(self, name: str) -> bytes:
        return msgspec.json.encode(reports.reported(self._log.explain(name, None)))

    def end(self) -> bytes:
        return msgspec.json.encode(made(End, self._log.end()))

    def export(self, since_head: str | None) -> Iterator[bytes]:
        return export_lines(self._log.export(since_head))

    def state(self) -> bytes:
        """With the master key."""
        return msgspec.json.encode(made(State, self._check_state()))


@contextmanager
def open_stored_log(location: Location) -> Iterator[StoredLog]:
    """Refused as `open_to_read`."""
    with open_to_read(location) as store:
        yield StoredLog(log_of(store), lambda: check_state(location, store))


def _convert(where: Mapping[str, Any], kind: type[msgspec.Struct]) -> Any:
    return msgspec.convert({k: v for k, v in where.items() if v is not None}, kind)
