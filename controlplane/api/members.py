"""Who may do what with a signer."""

from controlplane.api import answers, schemas
from controlplane.api.endpoint import Answer, endpoint
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.members import Members as Service


class Resource:
    """Base: the use cases of members."""

    def __init__(self, members: Service) -> None:
        self._members = members


class Members(Resource):
    @endpoint("List a signer's members", refusals=(Code.SIGNER_NOT_FOUND,))
    def on_get(
        self, caller: Caller, name: str, query: schemas.PageQuery
    ) -> answers.Items[answers.Member]:
        page = self._members.list(caller, name, PageRequest(query.limit, query.cursor))
        return answers.items(page, answers.member)

    @endpoint(
        "Add a member, or give one another role",
        status=201,
        also=(200,),
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.IDENTITY_NOT_FOUND,
        ),
    )
    def on_post(self, caller: Caller, name: str, body: schemas.AddMember) -> Answer[answers.Member]:
        added = self._members.add(caller, name, body.identity, body.role)
        return Answer(answers.member(added.member), status=201 if added.created else 200)


class Member(Resource):
    @endpoint(
        "Remove a member",
        status=204,
        refusals=(
            Code.ADMINISTRATOR_REQUIRED,
            Code.SIGNER_NOT_FOUND,
            Code.IDENTITY_NOT_FOUND,
            Code.MEMBER_NOT_FOUND,
        ),
    )
    def on_delete(self, caller: Caller, name: str, identity: str) -> None:
        self._members.remove(caller, name, identity)
