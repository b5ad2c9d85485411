"""Settings as rows: those that were set."""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from peewee import Database

from controlplane.domain.instant import from_text, to_text
from controlplane.domain.settings import Setting
from controlplane.store import rows
from controlplane.store.tables import SettingRow

T = TypeVar("T")


def read_setting(database: Database, setting: Setting[T]) -> T:
    """As of this transaction."""
    return setting.read(read_text(database, setting))


def read_span(database: Database, setting: Setting[timedelta], now: datetime) -> timedelta:
    """As of now. One that was made shorter is in effect when what it was has passed: so nobody who
    shortens it gets past what it holds up any sooner."""
    return setting.read(_span_in_effect(database, setting, now))


def _span_in_effect(database: Database, setting: Setting[timedelta], now: datetime) -> str:
    row = rows.find(database, SettingRow, setting.name)
    if row is None:
        return setting.default
    before: str = row.before
    lasts = now < from_text(row.set_at) + setting.read(before)
    return before if lasts and setting.read(before) > setting.read(row.value) else str(row.value)


def read_text(database: Database, setting: Setting[Any]) -> str:
    row = rows.find(database, SettingRow, setting.name)
    return setting.default if row is None else str(row.value)


def write_text(database: Database, setting: Setting[Any], text: str, at: datetime) -> None:
    is_span = isinstance(setting.read(text), timedelta)
    before = _span_in_effect(database, setting, at) if is_span else read_text(database, setting)
    row = {"name": setting.name, "value": text, "before": before, "set_at": to_text(at)}
    if not rows.update(database, SettingRow, SettingRow.name == setting.name, row, may_lack=True):
        rows.insert(database, SettingRow, row)
