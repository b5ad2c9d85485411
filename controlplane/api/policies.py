"""Policies: what a grant may be at most, and who must say yes."""

from dataclasses import replace
from typing import Any

from msgspec import UNSET

from controlplane.api import answers, schemas
from controlplane.api.endpoint import endpoint
from controlplane.domain.model import Caller, HashAlgorithm, Step, Terms
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.policies import Policies as Service


class Resource:
    """Base: the use cases of policies."""

    def __init__(self, policies: Service) -> None:
        self._policies = policies


class Policies(Resource):
    @endpoint("List the policies that the caller may see")
    def on_get(self, caller: Caller, query: schemas.PageQuery) -> answers.Items[answers.Policy]:
        page = self._policies.list(caller, PageRequest(query.limit, query.cursor))
        return answers.items(page, answers.policy)

    @endpoint(
        "Create a policy",
        status=201,
        refusals=(
            Code.POLICY_UNBOUNDED,
            Code.ADMIN_REQUIRED,
            Code.POLICY_EXISTS,
        ),
    )
    def on_post(self, caller: Caller, body: schemas.CreatePolicy) -> answers.PolicyInUse:
        terms = Terms(
            max_window_seconds=body.max_window_seconds,
            max_signings=body.max_signings,
            steps=_steps(body.steps),
            request_ttl_seconds=body.request_ttl_seconds,
            hashes=_hashes(body.hashes),
        )
        return answers.policy_in_use(self._policies.create(caller, body.name, terms))


class Policy(Resource):
    @endpoint("Show a policy", refusals=(Code.POLICY_NOT_FOUND,))
    def on_get(self, caller: Caller, name: str) -> answers.PolicyInUse:
        return answers.policy_in_use(self._policies.get(caller, name))

    @endpoint(
        "Edit a policy; touches new requests only",
        refusals=(
            Code.POLICY_UNBOUNDED,
            Code.ADMIN_REQUIRED,
            Code.POLICY_NOT_FOUND,
            Code.POLICY_CANNOT_BE_MET,
        ),
    )
    def on_patch(self, caller: Caller, name: str, body: schemas.EditPolicy) -> answers.PolicyInUse:
        def revise(terms: Terms) -> Terms:
            return replace(terms, **_given(body))

        return answers.policy_in_use(self._policies.edit(caller, name, revise))

    @endpoint(
        "Delete a policy that no signer has",
        status=204,
        refusals=(
            Code.ADMIN_REQUIRED,
            Code.POLICY_NOT_FOUND,
            Code.POLICY_IN_USE,
        ),
    )
    def on_delete(self, caller: Caller, name: str) -> None:
        self._policies.delete(caller, name)


def _given(body: schemas.EditPolicy) -> dict[str, Any]:
    """The terms that the body names."""
    given: dict[str, Any] = {
        "max_window_seconds": body.max_window_seconds,
        "max_signings": body.max_signings,
        "request_ttl_seconds": body.request_ttl_seconds,
    }
    if body.steps is not UNSET:
        given["steps"] = _steps(body.steps)
    if body.hashes is not UNSET:
        given["hashes"] = _hashes(body.hashes)
    return {name: value for name, value in given.items() if value is not UNSET}


def _steps(steps: list[schemas.Step]) -> tuple[Step, ...]:
    return tuple(Step(each.name, each.required, tuple(each.approvers)) for each in steps)


def _hashes(hashes: "schemas.Hashes") -> tuple[HashAlgorithm, ...]:
    return tuple(HashAlgorithm(each) for each in hashes)
