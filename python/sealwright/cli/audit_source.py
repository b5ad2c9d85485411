"""Where the log is read from: a server, or its store."""

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
import msgspec

from sealwright.cli.options import client
from sealwright.cli.server_side import refusals_told
from sealwright.client.objects import LogEnd, Operation, Page, Report, ReportedOperation, State

if TYPE_CHECKING:
    from sealwright.client.call import Answer

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Source(Protocol):
    """As `Client` has them."""

    def operations(
        self, limit: int, cursor: str | None = None, **where: Any
    ) -> "Answer[Page[Operation]]": ...

    def report(self, limit: int, cursor: str | None = None, **where: Any) -> "Answer[Report]": ...

    def explain_operation(self, name: str) -> "Answer[ReportedOperation]": ...

    def operations_head(self) -> "Answer[LogEnd]": ...

    def export_operations(self, since_head: str | None = None) -> Iterator[bytes]: ...

    def state(self) -> "Answer[State]": ...


SourceOf = Callable[[], Source]
"""Nothing is asked of a server, nor of what says who calls, before it is called."""


class _Stored:
    """Of a store, which is only read; needs no server and no master key. Raises CommandError."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def operations(
        self, limit: int, cursor: str | None = None, **where: Any
    ) -> "Answer[Page[Operation]]":
        return _answer(Page[Operation], self._log.operations(limit, cursor, where))

    def report(self, limit: int, cursor: str | None = None, **where: Any) -> "Answer[Report]":
        return _answer(Report, self._log.report(limit, cursor, where))

    def explain_operation(self, name: str) -> "Answer[ReportedOperation]":
        return _answer(ReportedOperation, self._log.explain(name))

    def operations_head(self) -> "Answer[LogEnd]":
        return _answer(LogEnd, self._log.end())

    def export_operations(self, since_head: str | None = None) -> Iterator[bytes]:
        with refusals_told():
            pieces: Iterator[bytes] = self._log.export(since_head)
        return pieces

    def state(self) -> "Answer[State]":
        """With the master key."""
        return _answer(State, self._log.state())


def _answer(kind: type[T], body: bytes) -> "Answer[T]":
    # Not at the top: it loads what calls a server.
    from sealwright.client.call import Answer

    return Answer(msgspec.json.decode(body, type=kind), body)


def source_options(command: F) -> F:
    """--data-dir and --database; the command gets a `source`, a SourceOf."""

    @wraps(command)
    def with_source(
        *arguments: Any, data_dir: Path | None, database: str | None, **named: Any
    ) -> None:
        if data_dir is None:
            if database is not None:
                raise click.UsageError("--database goes with --data-dir.")
            command(*arguments, source=client, **named)
            return
        if named.get("file") is not None:
            raise click.UsageError("Give a FILE or --data-dir, not both.")
        from controlplane.api.stored_log import open_stored_log
        from controlplane.service.location import Location

        with refusals_told(), open_stored_log(Location(data_dir, database)) as log:
            stored = _Stored(log)
            command(*arguments, source=lambda: stored, **named)

    data_dir = click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Read the store in this folder, without a server or the master key.",
    )
    database = click.option(
        "--database",
        metavar="URL",
        help="With --data-dir: the store is there.  [as that folder says]",
    )
    return data_dir(database(with_source))  # type: ignore[return-value]
