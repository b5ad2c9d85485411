"""Settings of the installation: read by who reads everything, changed by admins."""

from dataclasses import dataclass
from typing import Any

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.settings import BY_NAME, SETTINGS, Setting
from controlplane.errors import Code, Refused, invalid
from controlplane.service import cursor
from controlplane.service.changes import confirm, record
from controlplane.store import settings as rows
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class SettingView:
    setting: Setting[Any]
    value: str  # as it is written


class Settings:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(self, caller: Caller, page: PageRequest) -> Page[SettingView]:
        """By name. Refused 403 reader_required."""
        permissions.require_reader(caller.identity, "read settings")
        after = cursor.read_text(page, "")
        following = sorted((each for each in SETTINGS if each.name > after), key=_name)
        with self._store.read() as database:
            found = [
                SettingView(each, rows.read_text(database, each))
                for each in following[: page.limit + 1]
            ]
        return cursor.cut(found, page, lambda view: view.setting.name)

    def set(self, caller: Caller, name: str, value: str) -> SettingView:
        """Refused 400 (value), 403 admin_required, 404 setting_not_found."""
        setting = BY_NAME.get(name)
        if setting is None:
            known = ", ".join(sorted(BY_NAME))
            raise Refused(
                Code.SETTING_NOT_FOUND, f"There is no setting {name!r}; there are: {known}."
            )
        try:
            setting.read(value)
        except ValueError as fault:
            raise invalid("value", f"{name} is {setting.form}: {fault}.") from None
        with self._store.change() as database:
            permissions.require_admin(confirm(database, caller), "change settings")
            before = rows.read_text(database, setting)
            if before != value:
                rows.write_text(database, setting, value)
                details = {"before": before, "after": value}
                record(
                    database,
                    caller,
                    Action.SETTINGS_SET,
                    name,
                    at=self._clock(),
                    details=details,
                )
        return SettingView(setting, value)


def _name(setting: Setting[Any]) -> str:
    return setting.name
