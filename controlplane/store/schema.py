"""Whether what the migrations made to guard a store is there as they made it: triggers, functions
and indexes. Nothing that is proven rests on it; but where it is gone, somebody took it away, and
what is there besides would run within the server's own writes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee import Database, SqliteDatabase

from controlplane.store.dialect import POSTGRESQL, dialect_of
from controlplane.store.migrations import all_migrations, current_version, migrate

_MADE = re.compile(r"\s*CREATE\s+(?:UNIQUE\s+)?(TRIGGER|FUNCTION|INDEX)\s+(\w+)", re.I)
_DROPPED = re.compile(r"\s*DROP\s+(TRIGGER|INDEX)\s+(?:IF\s+EXISTS\s+)?(\w+)", re.I)
_BODY = re.compile(r"\$\$(.*)\$\$", re.S)
_ON_SQLITE = (
    "SELECT name, type, sql FROM sqlite_master"
    " WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
)
_TRIGGERS_ON_POSTGRESQL = """
    SELECT tgname, tgenabled::text, proname FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
"""
_RULES_ON_POSTGRESQL = """
    SELECT rulename FROM pg_rules WHERE schemaname = current_schema()
"""
_FUNCTIONS_ON_POSTGRESQL = (
    "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
)
_INDEXES_ON_POSTGRESQL = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"


@dataclass(frozen=True, slots=True)
class Guards:
    """`missing`: names of those that are gone, changed or turned off, with the statements that make
    them anew. `foreign`: triggers and rules that no migration made."""

    missing: Mapping[str, tuple[str, ...]]
    foreign: tuple[str, ...]


def find_guards(database: Database) -> Guards:
    return _on_postgresql(database) if dialect_of(database) is POSTGRESQL else _on_sqlite(database)


def put_back(database: Database, guards: Guards) -> None:
    """Those that are missing. Within a write."""
    for statements in guards.missing.values():
        for statement in statements:
            database.execute_sql(statement)  # type: ignore[no-untyped-call]


def _on_sqlite(database: Database) -> Guards:
    ours = SqliteDatabase(":memory:")
    try:
        migrate(ours, current_version(database))
        expected = {name: (kind, sql) for name, kind, sql in _rows(ours, _ON_SQLITE)}
    finally:
        ours.close()
    found = {name: (kind, sql) for name, kind, sql in _rows(database, _ON_SQLITE)}
    missing = {}
    for name, (kind, sql) in expected.items():
        if _plain(found.get(name, ("", ""))[1]) != _plain(sql):
            drop = (f"DROP {kind.upper()} IF EXISTS {name}",)
            missing[name] = (*drop, sql)
    triggers = {name for name, (kind, _) in found.items() if kind == "trigger"}
    return Guards(missing, tuple(sorted(triggers - expected.keys())))


def _plain(sql: str) -> str:
    return " ".join(sql.split())


def _on_postgresql(database: Database) -> Guards:
    made: dict[tuple[str, str], str] = {}
    version = current_version(database)
    for migration in all_migrations():
        for statement in migration.statements(POSTGRESQL) if migration.version <= version else ():
            if dropped := _DROPPED.match(statement):
                made.pop((dropped[1].upper(), dropped[2].lower()), None)
            if match := _MADE.match(statement):
                made[match[1].upper(), match[2].lower()] = statement
    triggers = {name: (on, by) for name, on, by in _rows(database, _TRIGGERS_ON_POSTGRESQL)}
    functions: dict[str, str] = dict(_rows(database, _FUNCTIONS_ON_POSTGRESQL))
    indexes = {name for (name,) in _rows(database, _INDEXES_ON_POSTGRESQL)}
    missing: dict[str, tuple[str, ...]] = {}
    for (kind, name), statement in made.items():
        match kind:
            case "FUNCTION":
                if _plain(functions.get(name, "")) != _plain(_body(statement)):
                    missing[name] = (statement.replace("CREATE", "CREATE OR REPLACE", 1),)
            case "TRIGGER":
                if triggers.get(name, ("", ""))[0] != "O" or not _calls_ours(triggers[name][1]):
                    missing[name] = (_drop_trigger(name, statement), statement)
            case _:
                if name not in indexes:
                    missing[name] = (statement,)
    ours = {name for kind, name in made if kind == "TRIGGER"}
    rules = [name for (name,) in _rows(database, _RULES_ON_POSTGRESQL)]
    return Guards(missing, tuple(sorted([*(triggers.keys() - ours), *rules])))


def _calls_ours(function: str) -> bool:
    return function.startswith("sealwright_")


def _body(statement: str) -> str:
    found = _BODY.search(statement)
    return found[1] if found else ""


def _drop_trigger(name: str, statement: str) -> str:
    table = re.search(r"\bON\s+(\w+)", statement, re.I)
    return f"DROP TRIGGER IF EXISTS {name} ON {table[1] if table else ''}"


def _rows(database: Database, statement: str) -> list[Any]:
    return list(database.execute_sql(statement).fetchall())  # type: ignore[no-untyped-call]
