"""Random stories of approvals, played on the API and on the model of its rules side by side.

After every command: the same answer or the same refusal, the same rows on record, and the same
requests and grants; one reader after the other sees what it may see. `SEALWRIGHT_LONG=1` plays
many more stories, and looks for the shortest of those that fail.
"""

import base64
import copy
import hashlib
import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import falcon.testing
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from controlplane.audit.verification import verify_lines
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from tests.controlplane.approval_model import (
    BACKDATED,
    DAY,
    EVERY_HASH,
    HASHES,
    LONGEST_WINDOW,
    MOST_SIGNINGS,
    SIGNING_ROLES,
    Grant,
    Identity,
    Model,
    Policy,
    PolicyChange,
    Refusal,
    Request,
    Row,
    Signer,
    Step,
    Terms,
)
from tests.controlplane.conftest import Api

T = TypeVar("T")
Json = dict[str, Any]

IS_LONG = os.environ.get("SEALWRIGHT_LONG") == "1"
STORIES = 600 if IS_LONG else 10
COMMANDS = 50  # of one story

OBSERVER = "observer"  # a server auditor who only looks: it makes no command and is not disabled
USERS = ("ann", "bob", "carol", "dave", "eve")
MACHINES = {"ci": "ann", "ci2": "ann", "bot": "bob"}
SIGNERS = ("app", "lib")
MEMBERS = {
    "app": {
        "ann": "administrator",
        "root": "administrator",
        "bob": "operator",
        "ci": "operator",
        "ci2": "operator",
        "dave": "auditor",
    },
    "lib": {"bob": "administrator", "ann": "operator", "bot": "operator"},
}
MOST_IDENTITIES = 20
NEW_SIGNERS = ("tmp", "alt", "lib")
POLICIES = ("p1", "p2", "p3")
ABSENT = "nowhere"

_KINDS = ("requests", "grants", "signers", "policies", "identities")
_STATES = {
    "requests": ("pending", "approved", "rejected", "cancelled", "expired"),
    "grants": ("active", "expired", "exhausted", "revoked"),
}

_TIMES = {"at", "created_at", "deletes_at", "expires_at", "ended_at"}
_TIMES |= {"not_before", "not_after", "revoked_at", "withdrawn_at"}
_IDS = {"id", "grant_id", "request_id", "request"}
_DIGESTS = {name: hashlib.new(name, b"release.jar").digest() for name in HASHES} | {
    "none": b"release.jar"
}


class StoryClock:
    """Stands still but for what the story lets pass, so that every time is known to the second."""

    def __init__(self, start: datetime, seconds: int = 0) -> None:
        self.start = start
        self.seconds = seconds

    def __call__(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def since_start(self, text: str) -> float:
        return (datetime.fromisoformat(text) - self.start).total_seconds()


class CommandApi(Api):
    """Holds the answers to commands against the OpenAPI document, and saves the time for those to
    looks: there the model says all that they must show."""

    def look(self, path: str, key: str, query: Json) -> falcon.testing.Result:
        self._looking = True
        try:
            return self.get(path, key=key, params=query)
        finally:
            self._looking = False

    _looking = False

    def _must_conform(self, method: str, path: str, answer: falcon.testing.Result) -> None:
        if not self._looking:
            super()._must_conform(method, path, answer)


class World:
    """The API and the model. Each method is a command to both, and compares what comes of it."""

    def __init__(self, folder: Path, clock: StoryClock, model: Model, keys: dict[str, str]) -> None:
        self.clock = clock
        self.model = model
        self.keys = keys
        self._services = open_services(Location(folder), clock)
        self._api = CommandApi(self._services, keys["admin"])
        self._real: dict[str, str] = {}  # ids by the model's names
        self._named: dict[str, str] = {}  # and the other way round
        self._sequence = int(self._look("/v1/operations/head").json["sequence"])
        self._uses: Counter[str] = Counter()  # succeeded rows by grant
        self._first_seen: dict[str, Json] = {}  # what never changes
        self._signatures: dict[int, Json] = {}  # answers by the model's number
        self._looks = itertools.count()

    def close(self) -> None:
        self._services.close()

    # Commands.

    def create_identity(
        self, who: str, name: str, kind: str, role: str | None = None, owner: str | None = None
    ) -> None:
        body = {"name": name, "kind": kind, "role": role, "owner": owner}
        answer, _ = self._command(
            who,
            "POST /v1/identities",
            body,
            lambda: self.model.create_identity(who, name, kind, role, owner),
            _show_identity,
            status=201,
        )
        if answer.status_code == 201:
            self.keys[name] = answer.json["api_key"]

    def offer(self, who: str, name: str, owner: str) -> None:
        self._command(
            who,
            f"PATCH /v1/identities/{name}",
            {"owner": owner},
            lambda: self.model.offer(who, name, owner),
            _show_identity,
        )

    def accept(self, who: str, name: str) -> None:
        self._command(
            who,
            f"POST /v1/identities/{name}/accept",
            {},
            lambda: self.model.accept(who, name),
            _show_identity,
        )

    def disable_identity(self, who: str, name: str, machines: str | None) -> None:
        self._command(
            who,
            f"POST /v1/identities/{name}/disable",
            _said(machines=machines),
            lambda: self.model.disable_identity(who, name, machines),
            _show_identity,
        )

    def enable_identity(self, who: str, name: str) -> None:
        self._command(
            who,
            f"POST /v1/identities/{name}/enable",
            {},
            lambda: self.model.enable_identity(who, name),
            _show_identity,
        )

    def create_signer(self, who: str, name: str, days: int, policy: str | None = None) -> None:
        body = {"name": name, "key": "p256", "common_name": f"ACME {name}", "days": days}
        body |= {"policy": policy}
        self._command(
            who,
            "POST /v1/signers",
            body,
            lambda: self.model.create_signer(
                who, name, self.model.now + days * DAY - BACKDATED, policy
            ),
            lambda signer: self._show_signer(who, signer),
            status=201,
        )

    def set_signer_disabled(self, who: str, name: str, disabled: bool) -> None:
        self._command(
            who,
            f"POST /v1/signers/{name}/{'disable' if disabled else 'enable'}",
            {},
            lambda: self.model.set_signer_disabled(who, name, disabled),
            lambda signer: self._show_signer(who, signer),
        )

    def delete_signer(self, who: str, name: str, after: int) -> None:
        self._command(
            who,
            f"DELETE /v1/signers/{name}?after_seconds={after}",
            None,
            lambda: self.model.delete_signer(who, name, after),
            lambda signer: self._show_signer(who, signer),
        )

    def undelete_signer(self, who: str, name: str) -> None:
        self._command(
            who,
            f"POST /v1/signers/{name}/undelete",
            {},
            lambda: self.model.undelete_signer(who, name),
            lambda signer: self._show_signer(who, signer),
        )

    def put_member(self, who: str, signer: str, identity: str, role: str) -> None:
        self._command(
            who,
            f"POST /v1/signers/{signer}/members",
            {"identity": identity, "role": role},
            lambda: self.model.put_member(who, signer, identity, role),
            lambda _added: {"signer": signer, "identity": identity, "role": role},
            status=lambda added: 201 if added else 200,
        )

    def remove_member(self, who: str, signer: str, identity: str) -> None:
        def removed() -> None:
            self.model.remove_member(who, signer, identity)

        path = f"DELETE /v1/signers/{signer}/members/{identity}"
        self._command(who, path, None, removed, status=204)

    def create_policy(self, who: str, name: str, terms: Terms) -> None:
        self._command(
            who,
            "POST /v1/policies",
            {"name": name} | _write_terms(terms),
            lambda: self.model.create_policy(who, name, terms),
            lambda policy: self._show_policy(who, policy),
            status=201,
        )

    def edit_policy(self, who: str, name: str, new: Json) -> None:
        """`new`: the terms that are given; the others stay."""
        written = _write_terms(replace(Terms(None, None), **new))
        self._command(
            who,
            f"PATCH /v1/policies/{name}",
            {_WRITTEN[field]: written[_WRITTEN[field]] for field in new},
            lambda: self.model.edit_policy(who, name, **new),
            lambda policy: self._show_policy(who, policy),
        )

    def delete_policy(self, who: str, name: str) -> None:
        def deleted() -> None:
            self.model.delete_policy(who, name)

        self._command(who, f"DELETE /v1/policies/{name}", None, deleted, status=204)

    def set_policy(self, who: str, signer: str, policy: str | None) -> None:
        self._command(
            who,
            f"POST /v1/signers/{signer}/policy",
            {"policy": policy},
            lambda: self.model.set_policy(who, signer, policy),
            lambda found: self._show_signer(who, found),
        )

    def ask(
        self, who: str, signer: str, why: str, window: int | None, signings: int | None
    ) -> None:
        self._command(
            who,
            f"POST /v1/signers/{signer}/requests",
            _said(justification=why, window_seconds=window, signings=signings),
            lambda: self.model.ask(who, signer, why, window, signings),
            lambda asked: self._show_request(asked[0]),
            status=lambda asked: 201 if asked[1] else 200,
        )

    def approve(self, who: str, request: str, step: int | None, comment: str | None = None) -> None:
        self._command(
            who,
            f"POST /v1/requests/{self._id(request)}/approve",
            _said(step=step, comment=comment),
            lambda: self.model.approve(who, request, step, comment),
            self._show_request,
        )

    def reject(self, who: str, request: str, step: int | None, comment: str) -> None:
        self._command(
            who,
            f"POST /v1/requests/{self._id(request)}/reject",
            _said(comment=comment, step=step),
            lambda: self.model.reject(who, request, comment, step),
            self._show_request,
        )

    def cancel(self, who: str, request: str) -> None:
        self._command(
            who,
            f"POST /v1/requests/{self._id(request)}/cancel",
            {},
            lambda: self.model.cancel(who, request),
            self._show_request,
        )

    def pre_approve(
        self,
        who: str,
        signer: str,
        grantee: str,
        why: str,
        window: int | None,
        signings: int | None,
    ) -> None:
        body = _said(identity=grantee, justification=why, window_seconds=window, signings=signings)
        self._command(
            who,
            f"POST /v1/signers/{signer}/grants",
            body,
            lambda: self.model.pre_approve(who, signer, grantee, why, window, signings),
            self._show_grant,
            status=201,
        )

    def revoke(self, who: str, grant: str, reason: str) -> None:
        self._command(
            who,
            f"POST /v1/grants/{self._id(grant)}/revoke",
            {"reason": reason},
            lambda: self.model.revoke(who, grant, reason),
            self._show_grant,
        )

    def sign(self, who: str, signer: str, hash_: str, key: str | None = None) -> None:
        """`key`: the Idempotency-Key."""
        digest = base64.b64encode(_DIGESTS[hash_]).decode()
        answer, signature = self._command(
            who,
            f"POST /v1/signers/{signer}/sign",
            {"scheme": "ecdsa", "hash": hash_, "digest": digest},
            lambda: self.model.sign(who, signer, hash_, key),
            headers={} if key is None else {"Idempotency-Key": key},
        )
        if signature is not None:
            first = self._signatures.setdefault(signature.number, dict(answer.json))
            assert answer.json == first, "a retry gets the same signature"

    def explain(self, identity: str, signer: str, who: str, hash_: str | None) -> Json | None:
        """What the server says, if `who` may know."""
        hash_asked = "" if hash_ is None else f"&hash={hash_}"
        answer, _ = self._command(
            who,
            f"GET /v1/signers/{signer}/explain?identity={identity}{hash_asked}",
            None,
            lambda: self.model.explain(who, signer, identity, hash_),
            lambda said: {
                "signer": signer,
                "identity": identity,
                "allowed": said.code is None,
                "code": said.code,
                "policy": said.policy,
                "request": said.request,
            },
        )
        if answer.status_code != 200:
            return None
        said: Json = answer.json
        assert bool(said["missing"]) == (not said["allowed"])
        return said

    def explain_and_sign(self, identity: str, signer: str, who: str, hash_: str) -> None:
        """What was said would come of a call to sign is what comes of it."""
        said = self.explain(identity, signer, who, hash_)
        logged = self._sequence
        self.sign(identity, signer, hash_)
        if said is None:
            return
        (row,) = self._rows_since(logged, 2)
        assert said["allowed"] == (row["outcome"] == "succeeded")
        assert said["code"] == row["reason"]
        assert (said["grant"] or {"id": None})["id"] == row["grant_id"]

    def pass_time(self, seconds: int) -> None:
        """Only here: a command takes no time."""
        self.clock.seconds += seconds
        self.model.pass_to(self.clock.seconds)

    # What holds after every command.

    def check_requests_and_grants(self) -> None:
        """As the model has them; and what has been said for ever is said still."""
        requests = self._items("/v1/requests")
        shown = [self._show_request(each) for each in reversed(self.model.requests.values())]
        assert not _differences(self._told(requests), shown)
        grants = self._items("/v1/grants")
        shown = [self._show_grant(each) for each in reversed(self.model.grants.values())]
        assert not _differences(self._told(grants), shown)
        for grant in grants:
            assert grant["used"] == self._uses[grant["id"]], "each signing has its row"
            assert grant["max_signings"] is None or grant["used"] <= grant["max_signings"]
            self._must_never_change(
                grant, but=("state", "used", "revoked_at", "revoked_by", "revoke_reason")
            )
        for request in requests:
            self._must_be_decided_by_others(request)
            if request["state"] != "pending":
                self._must_never_change(request)

    def check_one_reader(self) -> None:
        """Another one each time, and another kind of object, now and then only of one state."""
        number = next(self._looks)
        reader = _nth([name for name in self.model.identities if name != OBSERVER], number)
        kind = _nth(_KINDS, number)
        state = _nth((None, None, *_STATES.get(kind, ())), number // len(_KINDS))
        self._check_list(reader, kind, state)
        self._check_log(reader, 3)
        names = [*getattr(self.model, kind)]
        if names:
            self._check_object(reader, kind, _nth(names, number))

    def check_at_the_end(self) -> None:
        """Every list for every reader, all objects as they are, and the chain of the log."""
        for kind in _KINDS:
            for reader in self.model.identities:
                self._check_list(reader, kind)
            for name in getattr(self.model, kind):
                self._check_object(OBSERVER, kind, name)
        for name, signer in self.model.signers.items():
            found = self._items(f"/v1/signers/{name}/members")
            assert {each["identity"]: each["role"] for each in found} == signer.members
        lines = self._look("/v1/operations/export").content.splitlines()
        verified = verify_lines(lines)
        assert verified.intact
        assert verified.rows == self._sequence

    def _check_list(self, who: str, kind: str, state: str | None = None) -> None:
        """A reader gets all that it may see, in order, and nothing else."""
        model = self.model
        if model.identities[who].disabled:
            assert self._look(f"/v1/{kind}", who).status_code == 401
            return
        if kind == "identities":
            return  # listed for server-wide readers only
        names = [name for name in getattr(model, kind) if self._sees(who, kind, name)]
        if kind in _STATES:
            objects = getattr(model, kind)
            names = [name for name in names if state in (None, objects[name].state(model.now))]
            names.reverse()  # newest first
        if kind == "policies":
            names.sort()
        found = self._items(f"/v1/{kind}", who, state=state)
        assert [
            self._named.get(each["id"], each["name" if "name" in each else "id"]) for each in found
        ] == names

    def _check_object(self, who: str, kind: str, name: str) -> None:
        """What a reader sees in no list is not there either when it is asked for by name."""
        model = self.model
        if model.identities[who].disabled:
            return
        answer = self._look(f"/v1/{kind}/{self._id(name)}", who)
        assert answer.status_code == (200 if self._sees(who, kind, name) else 404)
        if answer.status_code == 404:
            return
        shown: Json = {}
        if kind == "signers":
            shown = self._show_signer(who, model.signers[name])
        elif kind == "policies":
            shown = self._show_policy(who, model.policies[name])
        assert not _differences(self._told(answer.json), shown)

    def _check_log(self, who: str, rows: int) -> None:
        """The last rows that a reader may read."""
        if self.model.identities[who].disabled:
            return
        seen = (row for row in reversed(self.model.log) if self.model.sees_row(who, row))
        found = self._look("/v1/operations", who, limit=rows).json["items"]
        assert [self._row(each) for each in found] == [*itertools.islice(seen, rows)]

    def _sees(self, who: str, kind: str, name: str) -> bool:
        model = self.model
        return {
            "identities": model.sees_identity,
            "signers": model.sees_signer,
            "policies": model.sees_policy,
            "requests": model.sees_request,
            "grants": model.sees_grant,
        }[kind](who, name)

    def _must_never_change(self, found: Json, but: Iterable[str] = ()) -> None:
        lasting = {name: value for name, value in found.items() if name not in but}
        assert self._first_seen.setdefault(found["id"], lasting) == lasting

    def _must_be_decided_by_others(self, request: Json) -> None:
        """So many different people as each step asks for, in order, and nobody who approves is the
        one who asks."""

        decisions = self.model.requests[self._named[request["id"]]].counting
        complete = True
        for index, step in enumerate(request["steps"]):
            said = [each for each in decisions if each.step == index]
            assert {each.approver for each in said} <= set(step["approvers"])
            assert complete or not said, "a step waits for those before it"
            yes = [each.holders for each in said if each.verdict == "approved"]
            assert all(approver != requester for approver, requester in yes)
            assert len({approver for approver, _ in yes}) == len(yes) <= step["required"]
            complete = complete and len(yes) == step["required"]
        assert (request["state"] == "approved") == complete == (request["grant_id"] is not None)

    def _must_be_a_members(self, row: Json) -> None:
        """A signature: by somebody who may sign, by a grant of theirs where there is a policy."""
        found = self._items(f"/v1/signers/{row['signer']}/members")
        roles = {each["identity"]: each["role"] for each in found}
        assert roles.get(row["actor"]) in SIGNING_ROLES
        policy = self._look(f"/v1/signers/{row['signer']}").json["policy"]
        assert (policy is None) == (row["grant_id"] is None)
        if row["grant_id"] is not None:
            grant = self._look(f"/v1/grants/{row['grant_id']}").json
            assert (grant["signer"], grant["grantee"]) == (row["signer"], row["actor"])
            assert grant["policy"] == policy
            assert grant["state"] in ("active", "exhausted")
            self._uses[row["grant_id"]] += 1

    # Calls.

    def _command(
        self,
        who: str,
        call: str,
        body: Json | None,
        command: Callable[[], T],
        show: Callable[[T], Json] | None = None,
        *,
        status: int | Callable[[T], int] = 200,
        headers: Json | None = None,
    ) -> tuple[falcon.testing.Result, T | None]:
        """The call as `who`, compared with what `command` does to the model, which answers as
        `show` says. The answers of both; None: refused."""
        logged = len(self.model.log)
        result: T | None = None
        refused: Refusal | None = None
        shown: Json | None = None
        expected: tuple[int, str | None]
        try:
            result = done = command()
            expected = (status if isinstance(status, int) else status(done), None)
            shown = None if show is None else show(done)
        except Refusal as refusal:
            refused, expected = refusal, (refusal.status, refusal.code)
        method, _, path = call.partition(" ")
        path, _, query = path.partition("?")
        more: Json = {"query_string": query} if query else {}
        answer = self._api.call(method, path, body, key=self.keys[who], headers=headers, **more)
        code = answer.json["code"] if answer.status_code >= 400 else None
        assert (answer.status_code, code) == expected
        if shown is not None:
            self._learn(answer.json, shown)
            assert not _differences(self._told(answer.json), shown)
        if refused is not None:
            waiting = None if refused.request is None else self._real[refused.request]
            assert answer.json.get("request") == waiting
        expected_rows = self.model.log[logged:]
        rows = self._rows_since(self._sequence, len(expected_rows) + 1)
        assert [self._row(each) for each in rows] == expected_rows
        for row in rows:
            self._sequence = row["sequence"]
            if row["outcome"] == "succeeded":
                self._must_be_a_members(row)
        return answer, result

    def _look(self, path: str, who: str = OBSERVER, **query: object) -> falcon.testing.Result:
        given = {name: value for name, value in query.items() if value is not None}
        return self._api.look(path, self.keys[who], given)

    def _items(self, path: str, who: str = OBSERVER, **query: object) -> list[Json]:
        answer = self._look(path, who, limit=1000, **query)
        assert answer.status_code == 200
        assert answer.json["next"] is None
        return list(answer.json["items"])

    def _rows_since(self, sequence: int, most: int) -> list[Json]:
        """Oldest first."""
        found = self._look("/v1/operations", limit=most).json["items"]
        return [row for row in reversed(found) if row["sequence"] > sequence]

    def _id(self, name: str) -> str:
        return self._real.get(name, name)

    # The model's objects as the API shows them, and its answers in the model's names and times.

    def _learn(self, answer: Json, shown: Json) -> None:
        """The ids of what is new."""
        for field in ("id", "grant_id"):
            name = shown.get(field)
            if name is not None and name not in self._real:
                assert answer[field] not in self._named
                self._real[name], self._named[answer[field]] = answer[field], name

    def _told(self, value: Any, field: str = "") -> Any:
        if field == "missing":
            return len(value)
        if isinstance(value, dict):
            return {name: self._told(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [self._told(each) for each in value]
        if field in _TIMES and value is not None:
            return self.clock.since_start(value)
        if field in _IDS and value is not None:
            return self._named.get(value, value)
        return value

    def _row(self, row: Json) -> Row:
        named = self._named
        return Row(
            actor=row["actor"],
            signer=row["signer"],
            action=row["action"],
            object=named.get(row["object"], row["object"]),
            outcome=row["outcome"],
            reason=row["reason"],
            hash=row["hash"],
            grant=named.get(row["grant_id"], row["grant_id"]),
        )

    def _show_request(self, request: Request) -> Json:
        state, terms = request.state(self.model.now), request.terms
        is_pending, open_ = state == "pending", request.open_step
        return {
            "id": request.name,
            "signer": request.signer,
            "requester": request.requester,
            "policy": request.policy.name,
            "state": state,
            "justification": request.justification,
            "window_seconds": request.window,
            "signings": request.signings,
            "step": open_ + 1 if is_pending and open_ is not None else None,
            "steps": [
                {
                    "name": step.name,
                    "required": step.required,
                    "approvers": [*step.approvers],
                    "decisions": [
                        {
                            "approver": each.approver,
                            "verdict": each.verdict,
                            "comment": each.comment,
                            "at": each.at,
                            "withdrawn_at": each.withdrawn_at,
                            "suspended_at": None,
                        }
                        for each in request.decisions
                        if each.step == index
                    ],
                }
                for index, step in enumerate(terms.steps)
            ],
            "max_window_seconds": terms.max_window,
            "max_signings": terms.max_signings,
            "hashes": [*terms.hashes],
            "created_at": request.created_at,
            "expires_at": request.expires_at,
            "ended_at": request.expires_at if state == "expired" else request.ended_at,
            "ended_by": request.ended_by,
            "comment": request.comment,
            "grant_id": request.grant,
            "missing": len(terms.steps) - (open_ or 0) if is_pending else 0,  # sentences
        }

    def _show_grant(self, grant: Grant) -> Json:
        return {
            "id": grant.name,
            "signer": grant.signer,
            "grantee": grant.grantee,
            "policy": grant.policy.name,
            "state": grant.state(self.model.now),
            "used": grant.used,
            "max_signings": grant.max_signings,
            "hashes": [*grant.hashes],
            "justification": grant.justification,
            "request_id": grant.request,
            "issued_by": grant.issued_by,
            "not_before": grant.not_before,
            "not_after": grant.not_after,
            "revoked_at": grant.revoked_at,
            "revoked_by": grant.revoked_by,
            "suspended_at": None,
            "revoke_reason": grant.revoke_reason,
        }

    def _show_signer(self, who: str, signer: Signer) -> Json:
        changes = self.model.changes_of_signer(signer)
        certified = self.model.now < signer.certified_until
        status = "disabled" if signer.disabled else "active" if certified else "expired"
        if signer.deletes_at is not None:
            status = "deleting"
        return {
            "name": signer.name,
            "status": status,
            "deletes_at": signer.deletes_at,
            "policy": signer.policy.name if signer.policy else None,
            "role": signer.members.get(who),
            "policy_changes": [_show_change(each) for each in changes[:20]],
        }

    def _show_policy(self, who: str, policy: Policy) -> Json:
        changes = self.model.changes_of_policy(policy, seen_by=who)
        return {
            "name": policy.name,
            **_write_terms(policy.terms),
            "signers": self.model.signers_with(policy, seen_by=who),
            "changes": [_show_change(each) for each in changes[:20]],
        }


def _show_identity(identity: Identity) -> Json:
    return {
        "name": identity.name,
        "kind": identity.kind,
        "role": identity.role,
        "owner": identity.owner,
        "proposed_owner": identity.proposed_owner,
        "disabled": identity.disabled,
    }


def _show_change(change: PolicyChange) -> Json:
    return {
        "at": change.at,
        "by": change.by,
        "policy": change.name,
        "signer": change.signer,
        "change": change.change,
    }


_WRITTEN = {
    "max_window": "max_window_seconds",
    "max_signings": "max_signings",
    "steps": "steps",
    "ttl": "request_ttl_seconds",
    "hashes": "hashes",
}
"""What the API calls the terms."""


def _write_terms(terms: Terms) -> Json:
    return {
        "max_window_seconds": terms.max_window,
        "max_signings": terms.max_signings,
        "steps": [
            {"name": step.name, "required": step.required, "approvers": [*step.approvers]}
            for step in terms.steps
        ],
        "request_ttl_seconds": terms.ttl,
        "hashes": [*terms.hashes],
    }


def _nth(choices: Sequence[T], number: int) -> T:
    """Round and round."""
    return choices[number % len(choices)]


def _said(**fields: object) -> Json:
    """Without what is left out."""
    return {name: value for name, value in fields.items() if value is not None}


def _differences(found: Any, wanted: Any) -> Json:
    """Where an answer is not as the model says; what the model says nothing of may be anything."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        pairs = {name: (found.get(name), value) for name, value in wanted.items()}
    elif isinstance(wanted, list) and isinstance(found, list) and len(found) == len(wanted):
        pairs = {str(at): pair for at, pair in enumerate(zip(found, wanted, strict=True))}
    else:
        return {} if found == wanted else {"found": found, "wanted": wanted}
    different = {name: _differences(*pair) for name, pair in pairs.items()}
    return {name: each for name, each in different.items() if each}


# Stories.


@dataclass(frozen=True)
class Beginning:
    """An installation with a few people, machines and signers, copied for each story."""

    folder: Path
    start: datetime
    model: Model
    keys: dict[str, str]

    def copy_to(self, folder: Path) -> World:
        shutil.copytree(self.folder, folder)
        return World(folder, StoryClock(self.start), copy.deepcopy(self.model), {**self.keys})


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """In memory where that can be had: a story commits often, and what is tested here is not that
    it lasts."""
    memory = Path("/dev/shm")  # noqa: S108
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="sealwright-model-", dir=parent) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def beginning(scratch: Path) -> Beginning:
    folder = scratch / "beginning"
    key = initialise(Location(folder)).api_key
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    model = Model()
    model.identities["admin"] = Identity("admin", "user", "admin")
    model.log.append(Row(None, action="installation:create", object="admin"))
    world = World(folder, StoryClock(start), model, {"admin": key, OBSERVER: key})
    world.create_identity("admin", OBSERVER, "user", "auditor")
    world.create_identity("admin", "root", "user", "admin")
    world.create_identity("admin", "watcher", "user", "auditor")
    for name in USERS:
        world.create_identity("admin", name, "user")
    for name, owner in MACHINES.items():
        world.create_identity("admin", name, "machine", owner=owner)
        world.accept(owner, name)
    for name in SIGNERS:
        world.create_signer("admin", name, 365)
        for identity, role in MEMBERS[name].items():
            world.put_member("admin", name, identity, role)
    world.check_at_the_end()
    world.close()
    return Beginning(folder, start, model, world.keys)


def chosen(choices: Callable[["Story"], Iterable[T]]) -> st.SearchStrategy[T]:
    """One of what the story has by then."""
    found: st.SearchStrategy[T] = st.runner().flatmap(
        lambda story: st.sampled_from([*choices(story)])
    )
    return found


def mostly(likely: Iterable[T], possible: Iterable[T]) -> list[T]:
    """Three of four times what is likely to be allowed."""
    likely, possible = [*likely], [*possible]
    return likely * (3 * len(possible) // len(likely) + 1) + possible if likely else possible


# What commands are made of.

_APPROVERS = ("bob", "carol", "dave", "ann", "ci", "bot", "root", "watcher", "eve")

STEPS = st.lists(st.sampled_from(_APPROVERS), min_size=1, max_size=4, unique=True).flatmap(
    lambda approvers: st.builds(
        Step,
        name=st.sampled_from(["lead", "security", "audit"]),
        required=st.integers(1, min(2, len(approvers))),
        approvers=st.just(tuple(approvers)),
    )
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "max_window": st.sampled_from([None, 60, 3600, DAY, LONGEST_WINDOW]),
    "max_signings": st.sampled_from([1, 2, 3, None]),
    "steps": st.lists(STEPS, max_size=3, unique_by=lambda step: step.name).map(tuple),
    "ttl": st.sampled_from([None, None, 60, 3600]),
    "hashes": st.sampled_from([(), (), ("sha256",), ("sha384", "sha256"), HASHES]),
}
_UNSOUND_STEPS = (
    Step("lead", 2, ("bob",)),
    Step("lead", 1, ("bob", "bob")),
    Step("lead", 1, (ABSENT,)),
)
TERMS = st.builds(Terms, **_FIELDS).filter(
    lambda terms: terms.max_window is not None or terms.max_signings is not None
)
UNSOUND_TERMS = st.one_of(
    st.just(Terms(None, None)),
    st.sampled_from(_UNSOUND_STEPS).map(lambda step: Terms(None, 1, (step,))),
    st.just(Terms(None, 1, (Step("lead", 1, ("bob",)), Step("lead", 1, ("carol",))))),
    st.just(Terms(None, 1, hashes=("sha256", "sha256"))),
)
FIRST_STEPS: tuple[tuple[Step, ...], ...] = (
    (Step("lead", 1, ("bob", "ann", "carol")),),
    (Step("lead", 1, ("bob", "ann")), Step("security", 2, ("carol", "ann", "eve"))),
    (Step("lead", 2, ("bob", "bot", "carol", "root")), Step("security", 1, ("carol", "bob"))),
    (),
)
EDITS: st.SearchStrategy[Json] = st.fixed_dictionaries({}, optional=_FIELDS)
WINDOWS = st.sampled_from([None, None, None, 1, 60, 3600])
SIGNINGS = st.sampled_from([None, None, None, 1, 2])
ANY_WINDOW = st.sampled_from([None, 1, 61, 3601, DAY, LONGEST_WINDOW, LONGEST_WINDOW + 1])
ANY_SIGNINGS = st.sampled_from([None, 1, 3, 4, MOST_SIGNINGS, MOST_SIGNINGS + 1])
ANY_TEXT = st.sampled_from(["stop", "stop", " stop ", " "])
ROLES = st.sampled_from(["operator", "operator", "administrator", "auditor"])
STEP_NUMBERS = st.sampled_from([None, None, 1, 2, 3, 17])
ANY_HASH = st.sampled_from(["sha256", "sha256", "sha384", "sha512", "none"])


Command = tuple[Any, ...]
"""The name of a method of `World`, and its arguments."""


def command(name: str, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Command]:
    """`parts`: its arguments; where several depend on each other, they come as one tuple."""

    def flat(drawn: Iterable[Any]) -> Iterator[Any]:
        for part in drawn:
            yield from part if type(part) is tuple else [part]

    return st.tuples(*parts).map(lambda drawn: (name, *flat(drawn)))


class Story(RuleBasedStateMachine):
    def __init__(self, beginning: Beginning, scratch: Path) -> None:
        super().__init__()
        self._open = ExitStack()
        self._open.enter_context(capture_logs())
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(dir=scratch)))
        self.world = beginning.copy_to(folder / "data")
        self._open.callback(self.world.close)

    @property
    def model(self) -> Model:
        return self.world.model

    # What rules choose from.

    def everybody(self) -> list[str]:
        return [name for name in self.model.identities if name != OBSERVER]

    def admins(self) -> list[str]:
        identities = self.model.identities.values()
        able = [each.name for each in identities if each.role == "admin" and not each.disabled]
        return mostly(able, self.everybody())

    def managing(self) -> list[tuple[str, str]]:
        """Who, and a signer."""
        return mostly(self._with_role("administrator"), self._with_signer())

    def signing(self) -> list[tuple[str, str]]:
        return mostly(self._with_role(*SIGNING_ROLES), self._with_signer())

    def _with_role(self, *roles: str) -> list[tuple[str, str]]:
        return [
            (who, name)
            for name, signer in self.model.signers.items()
            for who, role in signer.members.items()
            if role in roles
        ]

    def _with_signer(self) -> list[tuple[str, str]]:
        names = [*self.model.signers, ABSENT]
        return [(who, name) for name in names for who in self.everybody()]

    def pending(self) -> list[Request]:
        now = self.model.now
        return [each for each in self.model.requests.values() if each.state(now) == "pending"]

    def to_approve(self) -> list[tuple[str, str, int]]:
        """By whom, which, and the number of its open step: what should be fine."""
        return [
            (who, request.name, request.open_step + 1)
            for request in self.pending()
            if request.open_step is not None
            for who in request.terms.steps[request.open_step].approvers
        ]

    def to_decide(self) -> list[tuple[str, str]]:
        """By whom, and which: anybody, often about what is pending."""
        names = [each.name for each in self.pending()]
        names = mostly(names, self.model.requests)
        return [(who, name) for name in names for who in self.everybody()]

    def to_approve_or_decide(self) -> list[tuple[str, str, int | None]]:
        return mostly(self.to_approve(), [(*case, None) for case in self.to_decide()])

    def asked(self) -> list[tuple[object, ...]]:
        """All that made a request what it is."""
        return [
            (each.requester, each.signer, each.justification, each.window, each.signings)
            for each in self.model.requests.values()
        ]

    def to_cancel(self) -> list[tuple[str, str]]:
        own = [(each.requester, each.name) for each in self.pending()]
        return mostly(own, self.to_decide())

    def to_pre_approve(self) -> list[tuple[str, str, str]]:
        """By whom, where, for whom."""
        signing = self._with_role(*SIGNING_ROLES)
        return [
            (who, signer, grantee)
            for who, signer in mostly(self._with_role("administrator"), self._with_signer())
            for grantee, other in mostly(signing, [("eve", signer)])
            if other == signer
        ]

    def to_revoke(self) -> list[tuple[str, str]]:
        model = self.model
        administrators = self._with_role("administrator")
        active = [
            (who, grant.name)
            for grant in model.grants.values()
            if grant.state(model.now) == "active"
            for who, signer in administrators
            if signer == grant.signer
        ]
        return mostly(active, [(who, name) for name in model.grants for who in self.everybody()])

    def to_sign(self) -> list[tuple[str, str, str]]:
        """By whom, with which, and what hash: what should be fine."""
        possible = [(*case, hash_) for case in self.signing() for hash_ in EVERY_HASH]
        allowed = {case for case in possible if self.model.judge(*case).code is None}
        return sorted(allowed)

    def to_try(self) -> list[tuple[str, str, str]]:
        possible = [(*case, hash_) for case in self.signing() for hash_ in EVERY_HASH]
        return mostly(self.to_sign(), possible)

    def to_explain(self) -> list[tuple[str, str, str]]:
        """About whom and which, by whom: who may know, more often than who may not."""
        model = self.model
        possible = [(*case, who) for case in self.signing() for who in self.everybody()]
        known = [case for case in possible if model.sees_signer(case[2], case[1])]
        return mostly(known, possible)

    def to_delete(self) -> list[str]:
        """What is disabled, more often than what is not."""
        signers = self.model.signers.values()
        return mostly([each.name for each in signers if each.disabled], [*NEW_SIGNERS, "app"])

    def pauses(self) -> list[int]:
        """Up to just before, at and after something ends, or some time."""
        model, now = self.model, self.model.now
        ends = [each.expires_at for each in self.pending()]
        ends += [each.not_after for each in model.grants.values() if each.state(now) == "active"]
        ends += [each.certified_until for each in model.signers.values()]
        ends += [each.deletes_at for each in model.signers.values()]
        # A command is made one second after its pause.
        exact = {end - now + more for end in ends if end is not None for more in (-2, -1, 0)}
        soon = sorted(each for each in exact if 0 < each < 40 * DAY)
        return mostly(soon, [30, 3600, DAY])

    def people(self) -> list[str]:
        return [*self.everybody(), ABSENT]

    def new_names(self) -> list[str]:
        number = len(self.model.identities)
        return mostly([f"new{number}"] if number < MOST_IDENTITIES else [], ["ann", "new16"])

    def to_enable(self) -> list[str]:
        identities = self.model.identities
        off = [name for name in self.everybody() if identities[name].disabled]
        return mostly(off, self.people())

    def to_accept(self) -> list[tuple[str, str]]:
        """By whom, and which machine: what was offered to them, and anything."""
        identities = self.model.identities.values()
        offered = [(each.proposed_owner, each.name) for each in identities if each.proposed_owner]
        return mostly(offered, [(who, name) for who in self.everybody() for name in MACHINES])

    def policies(self) -> list[str | None]:
        return mostly(self.model.policies, [None, *POLICIES])

    # What happens.

    @initialize(steps=st.sampled_from(FIRST_STEPS), terms=TERMS)
    def attach_a_policy(self, steps: tuple[Step, ...], terms: Terms) -> None:
        self.world.create_policy("admin", "p1", replace(terms, steps=steps))
        self.world.set_policy("admin", "app", "p1")
        self.world.set_policy("bob", "lib", "p1")

    @rule(
        command=command(
            "create_identity",
            chosen(admins),
            chosen(new_names),
            st.sampled_from(["user", "machine"]),
            st.sampled_from([None, None, None, "auditor", "admin"]),
            st.sampled_from([None, None, "ann", "carol", "ci", ABSENT]),
        )
        | command(
            "disable_identity",
            chosen(admins),
            chosen(people),
            st.sampled_from([None, None, "disable", "keep", "carol", "ann", ABSENT]),
        )
        | command("enable_identity", chosen(admins), chosen(to_enable))
        | command("enable_identity", chosen(admins), chosen(to_enable))
        | command(
            "offer",
            chosen(admins),
            st.sampled_from([*MACHINES, "ann"]),
            st.sampled_from([*USERS, "ci", ABSENT]),
        )
        | command("accept", chosen(to_accept))
        | command(
            "create_signer",
            chosen(admins),
            st.sampled_from(NEW_SIGNERS),
            st.sampled_from([1, 365]),
            st.sampled_from([None, *POLICIES]),
        )
        | command("delete_signer", chosen(admins), chosen(to_delete), st.sampled_from([0, DAY]))
        | command("undelete_signer", chosen(admins), chosen(to_delete))
        | command(
            "create_policy",
            chosen(admins),
            st.sampled_from(POLICIES),
            st.one_of(TERMS, TERMS, TERMS, UNSOUND_TERMS),
        )
        | command("edit_policy", chosen(admins), chosen(policies), EDITS)
        | command("edit_policy", chosen(admins), st.sampled_from(POLICIES), EDITS)
        | command("delete_policy", chosen(admins), st.sampled_from(POLICIES))
    )
    def administer(self, command: Command) -> None:
        self.play(command)

    @rule(
        command=command("put_member", chosen(managing), chosen(people), ROLES)
        | command("remove_member", chosen(managing), chosen(people))
        | command("set_policy", chosen(managing), chosen(policies))
        | command("set_policy", chosen(managing), chosen(policies))
        | command("set_signer_disabled", chosen(managing), st.sampled_from([False, False, True]))
    )
    def manage(self, command: Command) -> None:
        self.play(command)

    @rule(command=command("ask", chosen(signing), st.just("release"), WINDOWS, SIGNINGS))
    def ask(self, command: Command) -> None:
        self.play(command)

    @rule(command=command("ask", chosen(signing), ANY_TEXT, ANY_WINDOW, ANY_SIGNINGS))
    def ask_for_anything(self, command: Command) -> None:
        self.play(command)

    @precondition(lambda self: self.model.requests)
    @rule(command=command("ask", chosen(asked)))
    def ask_the_same_again(self, command: Command) -> None:
        self.play(command)

    @precondition(lambda self: self.to_approve())
    @rule(command=command("approve", chosen(to_approve), st.just("fine")))
    def approve(self, command: Command) -> None:
        self.play(command)

    @precondition(lambda self: self.pending())
    @rule(request=chosen(lambda story: [each.name for each in story.pending()]))
    def approve_as_all(self, request: str) -> None:
        """Each approver of each step in turn, as long as it waits for them."""
        found = self.model.requests[request]
        for number, step in enumerate(found.terms.steps):
            for who in step.approvers:
                if found.state(self.model.now) == "pending" and found.open_step == number:
                    self.world.approve(who, request, number + 1)
                    self.world.pass_time(1)  # nobody decides at the very same time

    @precondition(lambda self: self.model.requests)
    @rule(
        command=command("approve", chosen(to_decide), STEP_NUMBERS)
        | command("reject", chosen(to_decide), STEP_NUMBERS, st.just("no"))
        | command("reject", chosen(to_approve_or_decide), ANY_TEXT)
        | command("cancel", chosen(to_cancel))
    )
    def decide(self, command: Command) -> None:
        self.play(command)

    @rule(
        command=command("pre_approve", chosen(to_pre_approve), st.just("hotfix"), WINDOWS, SIGNINGS)
        | command(
            "pre_approve", chosen(managing), chosen(people), ANY_TEXT, ANY_WINDOW, ANY_SIGNINGS
        )
    )
    def pre_approve(self, command: Command) -> None:
        self.play(command)

    @precondition(lambda self: self.model.grants)
    @rule(command=command("revoke", chosen(to_revoke), ANY_TEXT))
    def revoke(self, command: Command) -> None:
        self.play(command)

    @precondition(lambda self: self.to_sign())
    @rule(case=chosen(to_sign), times=st.integers(1, 3))
    def sign(self, case: tuple[str, str, str], times: int) -> None:
        for _ in range(times):
            self.world.sign(*case)

    @rule(command=command("sign", chosen(to_try), st.sampled_from([None, "k1", "k2"])))
    def try_to_sign(self, command: Command) -> None:
        self.play(command)

    @rule(
        command=command("explain_and_sign", chosen(to_explain), ANY_HASH)
        | command("explain", chosen(to_explain), st.none())
    )
    def explain(self, command: Command) -> None:
        self.play(command)

    @rule(seconds=chosen(pauses))
    def pass_time(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    def play(self, command: Command) -> None:
        name, *arguments = command
        getattr(self.world, name)(*arguments)

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        self.world.check_requests_and_grants()
        self.world.check_one_reader()
        self.world.pass_time(1)

    def teardown(self) -> None:
        with self._open:
            self.world.check_at_the_end()


def test_api_follows_the_model_in_any_story(beginning: Beginning, scratch: Path) -> None:
    class ThisStory(Story):
        def __init__(self) -> None:
            super().__init__(beginning, scratch)

    run_state_machine_as_test(
        ThisStory,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=COMMANDS,
            phases=list(Phase) if IS_LONG else [Phase.explicit, Phase.reuse, Phase.generate],
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
