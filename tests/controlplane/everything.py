"""A store with something of everything: each action that changes an object has left its row."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.certificates.authority import Issuer, issue_leaf, make_root
from controlplane.certificates.reading import to_pem
from controlplane.domain.identity_edit import IdentityEdit
from controlplane.domain.model import Caller, IdentityKind, MemberRole, ServerRole, Step
from controlplane.domain.network import read_networks
from controlplane.domain.policy import TermsEdit
from controlplane.domain.ranges import DELETION
from controlplane.domain.subject import Subject
from controlplane.service.gate import Proposed
from controlplane.service.installation import new_admin_key
from tests.world import A_TIMESTAMP_QUERY, World, a_call

USER = IdentityKind.USER
LEAD = Step("lead", 2, ("ann", "bob", "dora"))
SECURITY = Step("security", 1, ("carol",))
CREW = Step("crew", 1, ("@crew", "carol"))

WITNESS = (
    "https://witness.example",
    "witness.example+0080fed4+BAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
)


@dataclass
class Everything:
    """`release` is under `two` (LEAD, SECURITY), which `vault` has as `guarded`, protected;
    `crewed` is under a policy that names the group `crew`; `bare` has no policy; `outside` an
    external certificate; `dead` is erased, `dying` to be deleted. `adm` is the administrator of
    all, the machine `ci` an operator. Disabled: `idle`, `bob`. `keys`: API keys by whose they are,
    and `revoked` one of `ci`. `ids`: of requests, grants and proposals by what became of them.
    `meanwhile` is called again and again while it is made."""

    world: World
    meanwhile: Callable[[], None] = lambda: None
    keys: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys["admin"] = self.world.admin_key
        self._people()
        for phase in (self._signers, self._requests, self._proposals, self._leaving):
            self.meanwhile()
            phase()

    def __getitem__(self, name: str) -> Caller:
        return self.world.callers[name]

    def _people(self) -> None:
        world, to = self.world, self.world.services
        for name in ("ann", "bob", "carol", "dora", "adm", "eve", "gil"):
            self._enrol(name)
        self._enrol("root", ServerRole.ADMIN)
        self._create("audrey", role=ServerRole.AUDITOR)
        self._create("idle")
        self._create("ci", IdentityKind.MACHINE, owner="adm")
        self._create("bot", IdentityKind.MACHINE)
        to.identities.edit(world.admin, "eve", IdentityEdit(email="eve@example.com"))
        to.identities.edit(world.admin, "bot", IdentityEdit(owner="eve"))
        allowed = read_networks("192.0.2.0/24 2001:db8::/32")
        added = to.identities.add_key(world.admin, "ci", timedelta(days=9))
        self.keys["revoked"] = added.api_key
        to.identities.revoke_key(world.admin, "ci", added.key.id)
        to.identities.add_key(world.admin, "ci", timedelta(days=9), allowed)
        to.identities.disable(world.admin, "gil")
        to.identities.enable(world.admin, "gil")
        to.enrolments.create(world.admin, "gil", timedelta(days=9), allowed)
        to.enrolments.create(world.admin, "gil")
        new_admin_key(world.location)
        new_admin_key(world.location, "second")
        for name, users in (("crew", ("ann", "bob", "eve")), ("gone", ("ann",))):
            to.groups.create(world.admin, name)
            for user in users:
                to.groups.add(world.admin, name, user)
        to.groups.remove(world.admin, "crew", "eve")
        to.groups.delete(world.admin, "gone")
        to.settings.set(world.admin, "approval-hold", "1h")
        to.witnesses.add(world.admin, *WITNESS)

    def _enrol(self, name: str, role: ServerRole | None = None) -> None:
        to = self.world.services
        code = to.enrolments.create_identity(self.world.admin, name, USER, role, None).code
        self.keys[name] = to.enrolments.use(code, None).new.api_key
        self.world.callers[name] = to.identities.authenticate(self.keys[name])

    def _create(
        self,
        name: str,
        kind: IdentityKind = USER,
        role: ServerRole | None = None,
        owner: str | None = None,
    ) -> None:
        """A machine with an owner is accepted by them."""
        to = self.world.services.identities
        self.keys[name] = to.create(self.world.admin, name, kind, role, owner).api_key
        if owner is not None:
            to.accept(self[owner], name)
        self.world.callers[name] = to.authenticate(self.keys[name])

    def _signers(self) -> None:
        world, to = self.world, self.world.services
        world.policy("two", LEAD, SECURITY, request_ttl_seconds=86_400)
        world.policy("crewed", CREW)
        world.policy("quick")
        world.policy("guarded", LEAD, SECURITY)
        world.policy("spare", LEAD)
        to.policies.edit(world.admin, "spare", TermsEdit(max_signings=7))
        to.policies.delete(world.admin, "spare")
        operators = {"adm": MemberRole.ADMINISTRATOR, "ci": MemberRole.OPERATOR}
        for name in ("release", "crewed", "quick", "bare", "vault", "dead", "dying", "back"):
            world.signer(name, adm=operators["adm"], ci=operators["ci"])
        world.signer("outside", external=True, adm=operators["adm"])
        for signer, policy in (("release", "quick"), ("release", "two"), ("vault", "guarded")):
            to.signers.set_policy(world.admin, signer, policy)
        for name in ("crewed", "quick"):
            to.signers.set_policy(world.admin, name, name)
        to.signers.set_policy(world.admin, "bare", "quick")
        to.signers.set_policy(world.admin, "bare", None)
        to.members.add(world.admin, "bare", "eve", MemberRole.OPERATOR)
        to.members.add(world.admin, "bare", "eve", MemberRole.AUDITOR)
        to.members.add(world.admin, "bare", "gil", MemberRole.OPERATOR)
        to.members.remove(world.admin, "bare", "gil")
        to.members.add(world.admin, "bare", "@crew", MemberRole.OPERATOR)
        to.signers.install_certificate(world.admin, "outside", self._chain())
        to.signers.renew(world.admin, "outside")
        to.signers.renew(world.admin, "quick")
        for name in ("dead", "dying", "back", "quick"):
            to.signers.disable(world.admin, name)
        to.signers.enable(world.admin, "quick")
        for name, after in (("dead", 0), ("dying", DELETION.most), ("back", DELETION.least)):
            to.signers.delete(world.admin, name, after)
        to.signers.undelete(world.admin, "back")

    def _requests(self) -> None:
        world, to = self.world, self.world.services
        ask = to.requests.create
        self.ids["instant"] = ask(self["ci"], "quick", "instant").view.request.grant_id or ""
        for what in ("approved", "rejected", "cancelled", "half", "waiting", "withdrawn"):
            self.ids[what] = ask(self["ci"], "release", what).view.request.id
        for who, what in (("ann", "half"), ("ann", "approved"), ("dora", "approved")):
            to.requests.approve(self[who], self.ids[what], what)
        done = to.requests.approve(self["carol"], self.ids["approved"])
        self.ids["grant"] = done.request.grant_id or ""
        to.requests.reject(self["bob"], self.ids["rejected"], "no")
        to.requests.cancel(self["ci"], self.ids["cancelled"])
        crewed = ask(self["ci"], "crewed", "crewed").view.request.id
        self.ids["crewed"] = to.requests.approve(self["bob"], crewed).request.grant_id or ""
        to.members.add(world.admin, "release", "eve", MemberRole.OPERATOR)
        for what in ("pre-approved", "revoked"):
            view = to.grants.create(self["adm"], "release", "eve", what, 3600, 2)
            self.ids[what] = view.grant.id
        to.grants.revoke(world.admin, self.ids["revoked"], "no more")
        for _ in range(2):
            to.signing.sign(self["eve"], a_call("release"))
        to.signing.sign(self["ci"], a_call("quick"))
        to.timestamps.answer(None, None, A_TIMESTAMP_QUERY)
        to.timestamps.answer(self["ci"], "192.0.2.7", A_TIMESTAMP_QUERY)

    def _proposals(self) -> None:
        world, to = self.world, self.world.services
        to.policies.edit(world.admin, "guarded", TermsEdit(protected=True))

        def propose(what: str, call: Callable[[], object]) -> str:
            with pytest.raises(Proposed) as proposed:
                call()
            self.ids[what] = proposed.value.view.proposal.id
            return self.ids[what]

        for what, who in (("carried out", "gil"), ("refused", "eve")):
            add = partial(to.members.add, self["adm"], "vault", who, MemberRole.ADMINISTRATOR)
            propose(what, add)
        propose("called off", lambda: to.signers.set_policy(self["adm"], "vault", None))
        propose("open", lambda: to.signers.set_policy(self["adm"], "vault", "quick"))
        for name in ("ann", "dora", "carol"):
            to.proposals.approve(self[name], self.ids["carried out"])
        to.proposals.reject(self["ann"], self.ids["refused"], "no")
        to.proposals.cancel(self["adm"], self.ids["called off"])
        to.proposals.approve(self["bob"], self.ids["open"])

    def _leaving(self) -> None:
        to = self.world.services
        to.requests.approve(self["bob"], self.ids["withdrawn"])
        to.identities.disable(self.world.admin, "bob")
        to.identities.disable(self.world.admin, "idle")

    def _chain(self) -> str:
        """PEM for the key of `outside`."""
        key, at = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        view = self.world.services.signers.get(self.world.admin, "outside")
        issuer = Issuer(key, (make_root(key, at),))
        leaf = issue_leaf(issuer, view.signer.public_key, Subject("ACME"), 10, at)
        return "".join(to_pem(der) for der in (leaf.der, *leaf.chain))

    def actions(self) -> set[str]:
        return {row.entry.action for row in self.world.rows() if row.entry.action is not None}
