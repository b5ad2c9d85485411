"""The log of a store, as the API answers it, for who can read the store: without a server, and
without the master key."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from controlplane.api import reports
from controlplane.api.operations import Head, OperationsQuery, export_lines, operation
from controlplane.api.pages import items
from controlplane.api.structs import made
from controlplane.domain.operation import OperationFilter
from controlplane.domain.page import PageRequest
from controlplane.service.location import Location
from controlplane.service.log import Log
from controlplane.service.stored_log import open_log


class StoredLog:
    """Answers are JSON, or pieces of NDJSON. Refused as the API refuses."""

    def __init__(self, log: Log) -> None:
        self._log = log

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

    def head(self) -> bytes:
        return msgspec.json.encode(made(Head, self._log.head()))

    def export(self, since_head: str | None) -> Iterator[bytes]:
        return export_lines(self._log.export(since_head))


@contextmanager
def open_stored_log(location: Location) -> Iterator[StoredLog]:
    """Refused as `open_log`."""
    with open_log(location) as log:
        yield StoredLog(log)


def _convert(where: Mapping[str, Any], kind: type[msgspec.Struct]) -> Any:
    return msgspec.convert({k: v for k, v in where.items() if v is not None}, kind)
