"""Opening the log of a store to be read, and nothing else of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.domain.instant import now
from controlplane.errors import Code, Refused
from controlplane.service.location import Location
from controlplane.service.log import Log
from controlplane.store.migrations import check_current


@contextmanager
def open_log(location: Location) -> Iterator[Log]:
    """Changes nothing, and disturbs no server. Refused not_initialised, migration_needed,
    store_too_new, location_unreadable, data_dir_unusable, unsupported_database,
    store_unavailable."""
    store = location.recalled().store(1, read_only=True)
    with store.closing():
        if not store.exists():
            raise Refused(
                Code.NOT_INITIALISED,
                f"There is no store in {store.name}: name the folder that sealwright serve was "
                "given.",
            )
        with store.read() as database:
            check_current(database)
        yield Log(store, now)
