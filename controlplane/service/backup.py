"""A backup of the store, taken while it is served."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from controlplane.domain.instant import now, to_text
from controlplane.service.installation import existing_store
from controlplane.service.location import Location
from controlplane.store import backup_file
from controlplane.store.copying import read_table
from controlplane.store.migrations import check_known
from controlplane.store.summary import Summary, summarise


def back_up(location: Location, file: Path) -> Summary:
    """Makes this file (0600) of the store as it is at one moment, without the master key, in
    bounded memory; also of a store that an earlier version left. Refused backup_exists,
    backup_unwritable, not_initialised, store_too_new, store_unavailable; then there is no such
    file."""
    store = existing_store(location)
    with store.closing(), backup_file.new_file(file) as partial, store.read() as database:
        check_known(database)
        summary = summarise(database, _product_version(), to_text(now()))
        backup_file.write(partial, summary, lambda table: read_table(database, table))
    return summary


def _product_version() -> str:
    try:
        return version("sealwright")
    except PackageNotFoundError:
        return "0"
