"""Objects as rows: read only as they were left, written so that a row of the log says so.

Nothing else reads or writes the tables of `store.objects`, but for queries of which nothing is
taken but which rows to look at.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from peewee import Database, Model, ModelSelect, PeeweeException

from controlplane.errors import Altered
from controlplane.store.batches import ASKED_AT_ONCE, batches
from controlplane.store.conditions import holds, is_refuted
from controlplane.store.dialect import is_no_text
from controlplane.store.objects import KINDS, hash_object
from controlplane.store.state import altered
from controlplane.store.transaction import Transaction, transaction_of

M = TypeVar("M", bound=Model)
T = TypeVar("T")


def select(database: Database, query: Any) -> list[Any]:
    """The rows of a query for whole rows of one table. Raises Altered."""
    transaction = transaction_of(database)
    found = fetch(database, query)
    names: set[str] = set()
    if transaction.is_checked:
        for row in found:
            _check(transaction, query, row, names)
    return found


def select_sound(database: Database, query: Any) -> list[Any]:
    """Those of them that are as they were left: of the others the log hears, and who asks does
    without."""
    return _sound(database, query, fetch(database, query))


def _sound(database: Database, query: Any, rows: list[Any]) -> list[Any]:
    transaction = transaction_of(database)
    sound: list[Any] = []
    names: set[str] = set()
    for row in rows:
        try:
            _check(transaction, query, row, names)
        except Altered:
            continue
        sound.append(row)
    return sound


def load_sound(database: Database, query: Any, load: Callable[[list[Any]], list[T]]) -> list[T]:
    """What is made of those rows, and of what belongs to them; the same of both. As many as the
    query is limited to, where there are so many sound ones."""
    limit: int | None = query._limit
    asked = limit
    while True:
        rows = fetch(database, query.limit(asked))
        loaded = _load_sound(database, query, rows, load)
        if limit is None or asked is None or len(loaded) >= limit or len(rows) < asked:
            return loaded[:limit]
        asked += limit - len(loaded)


def _load_sound(
    database: Database, query: Any, rows: list[Any], load: Callable[[list[Any]], list[T]]
) -> list[T]:
    sound = _sound(database, query, rows)
    try:
        return load(sound)
    except Altered:
        return [made for row in sound for made in _load_or_nothing(load, row)]


def _load_or_nothing(load: Callable[[list[Any]], list[T]], row: Any) -> list[T]:
    try:
        return load([row])
    except Altered:
        return []


def first(database: Database, query: Any) -> Any | None:
    """The first row of such a query."""
    found = select(database, query.limit(1))
    return found[0] if found else None


def find(database: Database, table: type[M], *name: object) -> M | None:
    """The object of this name. Raises Altered also where it is gone, and nobody says so."""
    kind = KINDS[table]
    columns = dict(zip(kind.named_by, name, strict=True))
    fields = table._meta.fields
    query = table.select()
    for column, value in columns.items():
        query = query.where(fields[column] == value)
    row = first(database, query)
    if row is None:
        transaction_of(database).check_absent(kind.name(columns))
    return row


def require_absent(database: Database, table: type[Model], *name: object) -> None:
    kind = KINDS[table]
    transaction_of(database).check_absent(kind.name(dict(zip(kind.named_by, name, strict=True))))


def family(database: Database, table: type[M], first_: object) -> list[M]:
    """All objects of which the first part of the name is this. Raises Altered also where one is
    missing."""
    kind = KINDS[table]
    field = table._meta.fields[kind.named_by[0]]
    found: list[M] = select(database, table.select().where(field == first_))
    require_all(database, table, first_, found)
    return found


def families(database: Database, table: type[M], firsts: Collection[str]) -> dict[str, list[M]]:
    """Several of them, by that first part."""
    column = KINDS[table].named_by[0]
    found: dict[str, list[M]] = {each: [] for each in firsts}
    for some in batches(sorted(firsts), ASKED_AT_ONCE):
        for row in select(database, table.select().where(table._meta.fields[column].in_(some))):
            found[getattr(row, column)].append(row)
    for each, rows in found.items():
        require_all(database, table, each, rows)
    return found


def require_all(
    database: Database, table: type[Model], first_: object, found: Iterable[Model]
) -> None:
    """That these are a whole family."""
    kind = KINDS[table]
    names = {kind.name(row.__data__) for row in found}
    transaction_of(database).check_family(f"{kind.title}/{first_}", names)


def everything(database: Database, table: type[M]) -> list[M]:
    """All objects of a table, for who would be misled by one that hides: no condition is put to
    the store. Raises Altered."""
    kind = KINDS[table]
    found: list[M] = select(database, table.select())
    names = {kind.name(row.__data__) for row in found}
    transaction_of(database).check_family(kind.title, names)
    return found


def matching(
    database: Database,
    table: type[M],
    condition: Any,
    check: Callable[[M], object] = lambda row: None,
) -> list[M]:
    """All for which it holds, whatever the store says to that: for who would be misled by one that
    hides, or by one that is passed off as one of them. `check` raises Altered, as this does."""
    found = []
    for row in everything(database, table):
        check(row)
        matches = holds(condition, table, row.__data__)
        if matches is None:
            raise AssertionError("only the store can tell, and is not to be asked")
        if matches:
            found.append(row)
    return found


def insert(
    database: Database, table: type[Model], columns: Mapping[str, Any], *, announced: bool = False
) -> None:
    if not announced:
        require_absent(database, table, *(columns[each] for each in KINDS[table].named_by))
    announce(database, table, columns)
    table.insert(dict(columns)).execute(database)


def announce(database: Database, table: type[Model], columns: Mapping[str, Any]) -> None:
    """It will be inserted, after a row of the log has listed it."""
    kind = KINDS[table]
    transaction_of(database).put({kind.name(columns): hash_object(kind, columns)})


def insert_many(database: Database, table: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    for columns in rows:
        require_absent(database, table, *(columns[each] for each in KINDS[table].named_by))
        announce(database, table, columns)
    for some in batches(rows):
        table.insert_many([dict(columns) for columns in some]).execute(database)


def update(
    database: Database,
    table: type[Model],
    which: Any,
    columns: Mapping[str, Any],
    *,
    may_lack: bool = False,
) -> int:
    """Those for which the condition holds; how many. Raises Altered also where there is none,
    unless that may be."""
    rows = _found(database, table, which, may_lack=may_lack)
    if rows:
        _put(database, table, rows, columns)
        table.update(dict(columns)).where(which).execute(database)
    return len(rows)


def update_all(
    database: Database, table: Any, rows: Sequence[Model], columns: Mapping[str, Any]
) -> None:
    """These, of a table with ids."""
    _put(database, table, rows, columns)
    for some in batches([row.id for row in rows], ASKED_AT_ONCE):  # type: ignore[attr-defined]
        table.update(dict(columns)).where(table.id.in_(some)).execute(database)


def _found(database: Database, table: type[Model], which: Any, *, may_lack: bool) -> list[Any]:
    rows = select(database, table.select().where(which))
    if not rows and not may_lack:
        raise altered(f"{KINDS[table].title} (one that is to be changed is not found)")
    return rows


def _put(
    database: Database, table: type[Model], rows: Sequence[Model], columns: Mapping[str, Any]
) -> None:
    kind, transaction = KINDS[table], transaction_of(database)
    for row in rows:
        after = row.__data__ | columns
        transaction.put({kind.name(after): hash_object(kind, after)})


def delete(database: Database, table: type[Model], which: Any, *, may_lack: bool = False) -> int:
    """The same."""
    kind, transaction = KINDS[table], transaction_of(database)
    rows = _found(database, table, which, may_lack=may_lack)
    if not rows:
        return 0
    transaction.put({kind.name(row.__data__): None for row in rows})
    table.delete().where(which).execute(database)
    return len(rows)


def fetch(database: Database, query: "ModelSelect[Any]") -> list[Any]:
    """Whatever stands there, of any table: nothing is checked but that it can be read. Raises
    Altered."""
    try:
        return list(query.execute(database))
    except (ValueError, TypeError) as error:
        raise altered(f"{_title(query)} ({error})") from error
    except (PeeweeException, sqlite3.OperationalError) as error:
        if not is_no_text(error):
            raise
        raise altered(f"{_title(query)} (text that is none)") from error


def _check(transaction: Transaction, query: Any, row: Any, names: set[str]) -> None:
    """That it is as it was left, is what was asked for, and is not there twice: a row may be sound,
    and another than the one that was meant. `names`: of those before it. Raises Altered."""
    kind = KINDS[type(row)]
    columns: dict[str, Any] = row.__data__
    name = kind.name(columns)
    try:
        hash_ = hash_object(kind, columns)
    except (TypeError, ValueError):
        raise altered(name) from None
    transaction.check(name, hash_)
    if name in names or is_refuted(query._where, type(row), columns):
        raise altered(name)
    names.add(name)


def _title(query: Any) -> str:
    return str(query.model._meta.table_name)
