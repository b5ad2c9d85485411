"""Groups: users who are named together, as `@name`."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from controlplane.api.endpoint import Answer, endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Body, Shown, made
from controlplane.api.values import IdentityMention, shape
from controlplane.domain import model
from controlplane.domain.model import Caller
from controlplane.domain.names import GROUP_NAME
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.groups import Groups as Service

GroupName = Annotated[str, shape(GROUP_NAME, "A-Z a-z 0-9 @ . _ + -; not @ first")]


class CreateGroup(Body, frozen=True):
    name: GroupName


class AddToGroup(Body, frozen=True):
    identity: Annotated[IdentityMention, Meta(description="a user")]


class Group(Shown, frozen=True):
    id: str
    name: str
    users: list[str]
    created_at: datetime


class NamedGroup(Group, frozen=True):
    """With the names of the policies and signers that name it."""

    policies: list[str]
    signers: list[str]


class Resource:
    """Base: the use cases of groups."""

    def __init__(self, groups: Service) -> None:
        self._groups = groups


class GroupsResource(Resource):
    @endpoint("List the groups that the caller may see")
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Group]:
        page = self._groups.list(caller, PageRequest(query.limit, query.cursor))
        return items(page, _group)

    @endpoint(
        "Create a group",
        status=201,
        refusals=(Code.ADMIN_REQUIRED, Code.GROUP_EXISTS, Code.IDENTITY_EXISTS),
    )
    def on_post(self, caller: Caller, body: CreateGroup) -> Group:
        return _group(self._groups.create(caller, body.name))


class GroupResource(Resource):
    @endpoint("Show a group", refusals=(Code.GROUP_NOT_FOUND,))
    def on_get(self, caller: Caller, name: str) -> NamedGroup:
        view = self._groups.get(caller, name)
        return made(NamedGroup, view.group, policies=view.policies, signers=view.signers)

    @endpoint(
        "Delete a group that nothing names",
        status=204,
        refusals=(Code.ADMIN_REQUIRED, Code.GROUP_NOT_FOUND, Code.GROUP_IN_USE),
    )
    def on_delete(self, caller: Caller, name: str) -> None:
        self._groups.delete(caller, name)


class GroupMembersResource(Resource):
    @endpoint(
        "Put a user into a group",
        status=201,
        also=(200,),
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.GROUP_NOT_FOUND,
            Code.IDENTITY_NOT_FOUND,
            Code.POLICY_CANNOT_BE_MET,
            Code.ROLES_EXCLUDE,
        ),
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: AddToGroup) -> Answer[Group]:
        added = self._groups.add(caller, name, body.identity)
        return Answer(_group(added.group), status=201 if added.created else 200)


class GroupMemberResource(Resource):
    @endpoint(
        "Take a user out of a group",
        status=204,
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.GROUP_NOT_FOUND,
            Code.IDENTITY_NOT_FOUND,
            Code.MEMBER_NOT_FOUND,
            Code.POLICY_CANNOT_BE_MET,
        ),
        proposes=True,
    )
    def on_delete(self, caller: Caller, name: str, identity: str) -> None:
        self._groups.remove(caller, name, identity)


def _group(of: model.Group) -> Group:
    return made(Group, of)
