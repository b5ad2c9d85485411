"""Settings as rows: those that were set."""

from typing import Any, TypeVar

from peewee import Database

from controlplane.domain.settings import Setting
from controlplane.store.tables import SettingRow

T = TypeVar("T")


def read_setting(database: Database, setting: Setting[T]) -> T:
    """As of this transaction."""
    return setting.read(read_text(database, setting))


def read_text(database: Database, setting: Setting[Any]) -> str:
    row = SettingRow.select().where(SettingRow.name == setting.name).first(database)
    return setting.default if row is None else row.value


def write_text(database: Database, setting: Setting[Any], text: str) -> None:
    SettingRow.insert(name=setting.name, value=text).on_conflict(
        conflict_target=[SettingRow.name], preserve=[SettingRow.value]
    ).execute(database)
