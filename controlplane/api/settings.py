"""Settings of the installation."""

from typing import Annotated

from controlplane.api.endpoint import endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Body, Shown, made
from controlplane.api.text import Text
from controlplane.api.values import length
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.domain.ranges import TEXT
from controlplane.errors import Code
from controlplane.service.settings import Settings as Service
from controlplane.service.settings import SettingView


class SetSetting(Body, frozen=True):
    value: Annotated[Text, length(TEXT, "as it is written: see `form` of the setting")]


class Setting(Shown, frozen=True):
    """`form`: how a value is written; `meaning`: a sentence."""

    name: str
    value: str
    default: str
    form: str
    meaning: str


class Resource:
    """Base: the use cases of settings."""

    def __init__(self, settings: Service) -> None:
        self._settings = settings


class SettingsResource(Resource):
    @endpoint("List the settings of the installation", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Setting]:
        page = self._settings.list(caller, PageRequest(query.limit, query.cursor))
        return items(page, _setting)


class SettingResource(Resource):
    @endpoint(
        "Change a setting",
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.SETTING_NOT_FOUND,
            Code.POLICY_REQUIRED,
            Code.LOG_HAS_BEGUN,
            Code.POLICY_CANNOT_BE_MET,
        ),
        proposes=True,
    )
    def on_put(self, caller: Caller, name: str, body: SetSetting) -> Setting:
        return _setting(self._settings.set(caller, name, body.value))


def _setting(view: SettingView) -> Setting:
    return made(Setting, view.setting, value=view.value)
