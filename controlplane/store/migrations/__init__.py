"""Numbered steps from one schema to the next; each a module of SQL, importing no live models.

A module's `statements(dialect)` says the step in the SQL of a database.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from peewee import Database

from controlplane.domain.instant import now, to_text
from controlplane.errors import Code, Refused
from controlplane.store.dialect import Dialect, dialect_of
from controlplane.store.tables import SchemaVersion

_RETRY_AFTER = 1  # seconds: of the newer server, which is about to listen


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    statements: Callable[[Dialect], Sequence[str]]


@cache
def all_migrations() -> tuple[Migration, ...]:
    """In order; the version is the number that the module's name starts with."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        statements = importlib.import_module(f"{__name__}.{module.name}").statements
        found.append(Migration(int(module.name.partition("_")[0]), statements))
    return tuple(sorted(found, key=lambda migration: migration.version))


def migrate(database: Database, up_to: int | None = None) -> None:
    """Applies what is missing, to this version at most. Within a write transaction."""
    database.execute_sql(  # type: ignore[no-untyped-call]
        "CREATE TABLE IF NOT EXISTS schema_version"
        " (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)"
    )
    applied = current_version(database)
    for migration in all_migrations():
        if migration.version <= applied:
            continue
        if up_to is not None and migration.version > up_to:
            break
        for statement in migration.statements(dialect_of(database)):
            database.execute_sql(statement)  # type: ignore[no-untyped-call]
        SchemaVersion.insert(version=migration.version, applied_at=to_text(now())).execute(database)


def current_version(database: Database) -> int:
    """0 for a store without a schema."""
    if not database.table_exists("schema_version"):
        return 0
    row = SchemaVersion.select().order_by(SchemaVersion.version.desc()).first(database)
    return row.version if row is not None else 0


def check_known(database: Database) -> int:
    """The version of a schema that is this one's or an earlier one's. Refused not_initialised,
    store_too_new."""
    found = current_version(database)
    if found == 0:
        raise Refused(Code.NOT_INITIALISED, "The store is empty: run sealwright init first.")
    refuse_newer(found)
    return found


def refuse_newer(found: int) -> None:
    """Refused store_too_new."""
    newest = all_migrations()[-1].version
    if found > newest:
        raise Refused(
            Code.STORE_TOO_NEW,
            f"The store has schema {found}, this version knows {newest}: use a newer sealwright.",
            retry_after=_RETRY_AFTER,
        )


def check_current(database: Database) -> None:
    """Refused not_initialised, migration_needed, or store_too_new."""
    found, wanted = check_known(database), all_migrations()[-1].version
    if found < wanted:
        raise Refused(
            Code.MIGRATION_NEEDED,
            f"The store has schema {found}, this version needs {wanted}: sealwright serve "
            "brings it up to date when it starts.",
        )
