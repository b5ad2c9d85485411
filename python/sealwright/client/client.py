"""The control plane's API, one method a call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from sealwright.client.connection import Connection
from sealwright.client.errors import ClientError, Refused, UnexpectedAnswerError, UnreachableError
from sealwright.client.objects import (
    ApiKey,
    Catalogue,
    Certificate,
    Chain,
    Head,
    Health,
    Identity,
    Member,
    NewApiKey,
    Operation,
    Page,
    Problem,
    Signer,
    SigningRequest,
)
from sealwright.client.transport import Response, Transport

T = TypeVar("T")
Text = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """`value` is the answer parsed; `body` the API's own JSON; `date` the server's clock (HTTP)."""

    value: T
    body: bytes
    date: str | None = None


class Client:
    """Every method raises ClientError: Refused with the server's code, UnreachableError, or
    UnexpectedAnswerError."""

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)
        self._headers = {"Accept": "application/json", "User-Agent": "sealwright-cli"}
        if connection.api_key is not None:
            self._headers["Authorization"] = f"Bearer {connection.api_key}"

    def live(self) -> Answer[Health]:
        """Needs no key."""
        return self._call("GET", "/v1/health/live", Health)

    def whoami(self) -> Answer[Identity]:
        return self._call("GET", "/v1/whoami", Identity)

    def create_identity(
        self, name: str, kind: str, role: str | None = None, owner: str | None = None
    ) -> Answer[Identity]:
        """The answer holds the first API key, this once."""
        body = {"name": name, "kind": kind, "role": role, "owner": owner}
        return self._call("POST", "/v1/identities", Identity, body)

    def identities(self, limit: int, cursor: str | None = None) -> Answer[Page[Identity]]:
        return self._list("/v1/identities", Page[Identity], limit=limit, cursor=cursor)

    def identity(self, name: str) -> Answer[Identity]:
        return self._call("GET", f"/v1/identities/{_part(name)}", Identity)

    def disable_identity(self, name: str) -> Answer[Identity]:
        return self._call("POST", f"/v1/identities/{_part(name)}/disable", Identity, {})

    def enable_identity(self, name: str) -> Answer[Identity]:
        return self._call("POST", f"/v1/identities/{_part(name)}/enable", Identity, {})

    def add_key(self, name: str) -> Answer[NewApiKey]:
        return self._call("POST", f"/v1/identities/{_part(name)}/keys", NewApiKey, {})

    def revoke_key(self, name: str, key_id: str) -> Answer[ApiKey]:
        path = f"/v1/identities/{_part(name)}/keys/{_part(key_id)}/revoke"
        return self._call("POST", path, ApiKey, {})

    def create_signer(
        self,
        name: str,
        key: str,
        common_name: str,
        days: int | None = None,
        external: bool = False,
    ) -> Answer[Signer]:
        body = {
            "name": name,
            "key": key,
            "common_name": common_name,
            "days": days,
            "external": external or None,
        }
        return self._call("POST", "/v1/signers", Signer, body)

    def signers(self, limit: int, cursor: str | None = None) -> Answer[Page[Signer]]:
        return self._list("/v1/signers", Page[Signer], limit=limit, cursor=cursor)

    def signer(self, name: str) -> Answer[Signer]:
        return self._call("GET", f"/v1/signers/{_part(name)}", Signer)

    def disable_signer(self, name: str) -> Answer[Signer]:
        return self._call("POST", f"/v1/signers/{_part(name)}/disable", Signer, {})

    def enable_signer(self, name: str) -> Answer[Signer]:
        return self._call("POST", f"/v1/signers/{_part(name)}/enable", Signer, {})

    def renew_signer(self, name: str, days: int | None = None) -> Answer[Signer]:
        return self._call("POST", f"/v1/signers/{_part(name)}/renew", Signer, {"days": days})

    def delete_signer(self, name: str) -> None:
        self._send("DELETE", f"/v1/signers/{_part(name)}")

    def signing_request(self, name: str) -> Answer[SigningRequest]:
        return self._call("GET", f"/v1/signers/{_part(name)}/csr", SigningRequest)

    def install_certificate(self, name: str, chain: str) -> Answer[Signer]:
        """`chain`: PEM of the leaf and its issuers."""
        path = f"/v1/signers/{_part(name)}/certificate"
        return self._call("POST", path, Signer, {"chain": chain})

    def certificate(self, name: str) -> Answer[Certificate]:
        return self._call("GET", f"/v1/signers/{_part(name)}/certificate", Certificate)

    def ca_certificate(self) -> Answer[Chain]:
        return self._call("GET", "/v1/ca/certificate", Chain)

    def members(self, signer: str, limit: int, cursor: str | None = None) -> Answer[Page[Member]]:
        path = f"/v1/signers/{_part(signer)}/members"
        return self._list(path, Page[Member], limit=limit, cursor=cursor)

    def add_member(self, signer: str, identity: str, role: str) -> Answer[Member]:
        """A member already there gets the role given."""
        path = f"/v1/signers/{_part(signer)}/members"
        return self._call("POST", path, Member, {"identity": identity, "role": role})

    def remove_member(self, signer: str, identity: str) -> None:
        self._send("DELETE", f"/v1/signers/{_part(signer)}/members/{_part(identity)}")

    def catalogue(self) -> Answer[Catalogue]:
        return self._call("GET", "/v1/catalogue", Catalogue)

    def operations(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        signer: str | None = None,
        actor: str | None = None,
        kind: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
    ) -> Answer[Page[Operation]]:
        """Newest first."""
        return self._list(
            "/v1/operations",
            Page[Operation],
            limit=limit,
            cursor=cursor,
            signer=signer,
            actor=actor,
            kind=kind,
            outcome=outcome,
            since=since.isoformat().replace("+00:00", "Z") if since else None,
        )

    def operations_head(self) -> Answer[Head]:
        return self._call("GET", "/v1/operations/head", Head)

    def export_operations(self) -> Iterator[bytes]:
        """The whole log as NDJSON in the order of the chain, in pieces of any length.

        An answer that breaks off raises UnreachableError from the iterator.
        """
        answer = self._transport.stream("/v1/operations/export", self._headers)
        if isinstance(answer, Response):
            raise _refusal(answer)
        return answer

    def _list(self, path: str, answer: type[T], /, **query: Text) -> Answer[T]:
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._call("GET", f"{path}?{urlencode(given)}", answer)

    def _call(
        self, method: str, path: str, answer: type[T], body: Mapping[str, Text] | None = None
    ) -> Answer[T]:
        response = self._send(method, path, body)
        try:
            value = msgspec.json.decode(response.body, type=answer)
        except msgspec.MsgspecError as fault:
            raise UnexpectedAnswerError(
                f"{response.url} does not answer {method} {path} as a control plane does: {fault}"
            ) from None
        return Answer(value, response.body, response.date)

    def _send(self, method: str, path: str, body: Mapping[str, Text] | None = None) -> Response:
        headers, content = self._headers, None
        if body is not None:
            given = {name: value for name, value in body.items() if value is not None}
            content = msgspec.json.encode(given)
            headers = headers | {"Content-Type": "application/json"}
        response = self._transport.request(method, path, body=content, headers=headers)
        if not 200 <= response.status < 300:
            raise _refusal(response)
        return response


def _part(name: str) -> str:
    """One segment of a path, whatever is in it."""
    return quote(name, safe="") if name not in {".", ".."} else name.replace(".", "%2E")


def _refusal(response: Response) -> ClientError:
    try:
        problem = msgspec.json.decode(response.body, type=Problem)
    except msgspec.MsgspecError:
        if 300 <= response.status < 400:
            return UnexpectedAnswerError(
                f"{response.url} answered with a redirect, which is never followed: "
                "give the control plane's own URL"
            )
        if response.status in {502, 503, 504}:
            return UnreachableError(
                f"{response.url}: a gateway answered {response.status} for the control plane"
            )
        return UnexpectedAnswerError(
            f"{response.url} answered {response.status} without saying why: "
            "is this the URL of a control plane?"
        )
    wait = response.retry_after or ""
    return Refused(
        status=response.status,
        code=problem.code,
        title=problem.title,
        request_id=problem.request_id,
        detail=problem.detail,
        field=problem.field,
        request=problem.request,
        retry_after=int(wait) if wait.isascii() and wait.isdigit() else None,
    )
