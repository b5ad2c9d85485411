"""Settings of the installation: read by who reads everything, changed by admins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from peewee import Database

from controlplane.domain import permissions
from controlplane.domain.action import Action
from controlplane.domain.approval import list_names
from controlplane.domain.instant import Clock
from controlplane.domain.model import Caller, Identity
from controlplane.domain.page import Page, PageRequest
from controlplane.domain.policy import count_people
from controlplane.domain.settings import (
    BY_NAME,
    FOUR_EYES,
    LOG_ORIGIN,
    REQUIRE_POLICY,
    SETTINGS,
    RequirePolicy,
    Setting,
)
from controlplane.errors import Code, Refused, invalid
from controlplane.service import consents, cursor
from controlplane.service.changes import record
from controlplane.service.gate import Change, Gate, Ruling
from controlplane.store import identities, log_keys, signers
from controlplane.store import settings as rows
from controlplane.store.database import Store


@dataclass(frozen=True, slots=True)
class SettingView:
    setting: Setting[Any]
    value: str  # as it is written


class Settings:
    def __init__(self, store: Store, gate: Gate, clock: Clock) -> None:
        self._store = store
        self._gate = gate
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
        """Refused as SetSetting. Raises Proposed."""
        setting = _find(name)
        self._gate.make(caller, SetSetting(name, value))
        return SettingView(setting, value)


@dataclass(frozen=True, slots=True)
class SetSetting(Change[None]):
    """With the first one that binds admins too, four-eyes turns itself on: so no admin loosens it
    alone. Refused 400 (value), 403 admin_required, 404 setting_not_found, 409 policy_required
    where a signer is without the policy that it asks for, policy_cannot_be_met without a second
    admin, log_has_begun."""

    action: ClassVar[Action] = Action.SETTINGS_SET

    name: str
    value: str

    def judge(self, database: Database, actor: Identity, at: datetime) -> Ruling[None]:
        setting = _find(self.name)
        try:
            wanted = setting.read(self.value)
        except ValueError as fault:
            title = f"{self.name} is {setting.form}: {fault}."
            raise invalid("value", title) from None
        permissions.require_admin(actor, "change settings")
        is_on = rows.read_setting(database, FOUR_EYES)
        turns_on = not is_on and _binds_admins(setting, wanted)
        if turns_on:
            _require_second_admin(database, at)
        if isinstance(wanted, RequirePolicy):
            _refuse_signers_without(database, wanted, at)
        before = rows.read_text(database, setting)
        if setting is LOG_ORIGIN and before != self.value:
            _refuse_fixed_origin(database)

        def apply(database: Database, caller: Caller, at: datetime) -> None:
            _write(database, caller, setting, self.value, at)
            if turns_on:
                _write(database, caller, FOUR_EYES, "on", at)

        is_other = before != self.value
        return Ruling(
            subject=self.name,
            needs=consents.of_second_admin(database, actor) if is_other else (),
            rests_on=(before,),
            apply=apply,
            details={"before": before, "after": self.value},
        )


def _find(name: str) -> Setting[Any]:
    setting = BY_NAME.get(name)
    if setting is None:
        known = ", ".join(sorted(BY_NAME))
        title = f"There is no setting {name!r}; there are: {known}."
        raise Refused(Code.SETTING_NOT_FOUND, title)
    return setting


def _write(
    database: Database, caller: Caller, setting: Setting[Any], value: str, at: datetime
) -> None:
    before = rows.read_text(database, setting)
    if before != value:
        rows.write_text(database, setting, value, at)
        details = {"before": before, "after": value}
        record(database, caller, Action.SETTINGS_SET, setting.name, at=at, details=details)


def _binds_admins(setting: Setting[Any], wanted: object) -> bool:
    if setting is FOUR_EYES:
        return wanted is True
    return setting is REQUIRE_POLICY and wanted is not RequirePolicy.NONE


def _require_second_admin(database: Database, now: datetime) -> None:
    admins = identities.admins(database)
    ready = count_people(each for each in admins if _is_ready(database, each, now))
    if ready < 2:
        raise Refused(
            Code.POLICY_CANNOT_BE_MET,
            "This makes a second admin agree to what changes the whole installation, and takes two "
            f"who enrolled a key themselves; there {'is one' if ready else 'are none'} "
            "(sealwright identity key add NAME --enrol).",
        )


def _refuse_fixed_origin(database: Database) -> None:
    for key in log_keys.list_all(database):
        if key.ended_at is None and key.begun_at is not None:
            raise Refused(
                Code.LOG_HAS_BEGUN,
                f"The log has signed checkpoints as {key.origin}: its origin stays for good.",
            )


def _is_ready(database: Database, admin: Identity, now: datetime) -> bool:
    return any(
        key.enrolled
        and key.revoked_at is None
        and key.suspended_at is None
        and not key.has_ended(now)
        for key in identities.keys_of(database, admin.id)
    )


def _refuse_signers_without(database: Database, wanted: RequirePolicy, now: datetime) -> None:
    if wanted is RequirePolicy.NONE:
        return
    lacking = signers.names_lacking_policy(database, now, protected=wanted is _PROTECTED)
    if lacking:
        raise Refused(
            Code.POLICY_REQUIRED,
            f"There are signers without {_SPELLED[wanted]}: {list_names(lacking)}. Give them one "
            "first (sealwright signer set-policy NAME POLICY).",
        )


_PROTECTED = RequirePolicy.PROTECTED
_SPELLED = {RequirePolicy.ANY: "a policy", _PROTECTED: "a protected policy"}


def _name(setting: Setting[Any]) -> str:
    return setting.name
