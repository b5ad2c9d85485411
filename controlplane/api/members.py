"""Who may do what with a signer."""

from datetime import datetime

from controlplane.api.endpoint import Answer, endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Body, Shown, made
from controlplane.api.values import Mention
from controlplane.domain import model
from controlplane.domain.model import Caller, MemberRole
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.members import Members as Service


class AddMember(Body, frozen=True):
    identity: Mention
    role: MemberRole


class Member(Shown, frozen=True):
    signer: str
    identity: str
    role: MemberRole
    added_at: datetime


class Resource:
    """Base: the use cases of members."""

    def __init__(self, members: Service) -> None:
        self._members = members


class MembersResource(Resource):
    @endpoint("List a signer's members", refusals=(Code.SIGNER_NOT_FOUND,))
    def on_get(self, caller: Caller, name: str, query: PageQuery) -> Items[Member]:
        page = self._members.list(caller, name, PageRequest(query.limit, query.cursor))
        return items(page, _member)

    @endpoint(
        "Add a member, or give one another role",
        status=201,
        also=(200,),
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.IDENTITY_NOT_FOUND,
            Code.GROUP_NOT_FOUND,
            Code.ROLES_EXCLUDE,
        ),
        proposes=True,
    )
    def on_post(self, caller: Caller, name: str, body: AddMember) -> Answer[Member]:
        added = self._members.add(caller, name, body.identity, body.role)
        return Answer(_member(added.member), status=201 if added.created else 200)


class MemberResource(Resource):
    @endpoint(
        "Remove a member",
        status=204,
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.IDENTITY_NOT_FOUND,
            Code.GROUP_NOT_FOUND,
            Code.MEMBER_NOT_FOUND,
        ),
    )
    def on_delete(self, caller: Caller, name: str, identity: str) -> None:
        self._members.remove(caller, name, identity)


def _member(of: model.Member) -> Member:
    return made(Member, of)
