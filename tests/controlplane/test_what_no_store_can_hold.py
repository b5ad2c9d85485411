"""What no store can hold is refused at the edge, by the name of its place, before it costs anybody
else anything: the same on SQLite and PostgreSQL, for every place of every endpoint."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from controlplane.service.rates import SharedPlaces
from tests.controlplane.conftest import Api
from tests.controlplane.nasty import Call, Schema, body_schema, calls, resolved
from tests.postgresql import PostgresqlServer, postgresql  # noqa: F401  # a fixture

UNSTORABLE = ("\0", "a\0b", "\ud800", "a\udfffb")
GREATEST = 2**31 - 1  # of an integer column of PostgreSQL


class Plane:
    """One control plane with something at every address."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.key = api.user("adam", role="admin")
        api.user("ann")
        step = {"name": "lead", "required": 1, "approvers": ["ann"]}
        api.made("/v1/policies", {"name": "weekly", "max_signings": 5, "steps": [step]})
        signer = {"name": "release", "key": "p256", "common_name": "ACME", "policy": "weekly"}
        api.made("/v1/signers", signer)
        for identity, role in (("adam", "administrator"), ("admin", "operator")):
            member = {"identity": identity, "role": role}
            api.made("/v1/signers/release/members", member)
        why = {"justification": "x"}
        request = api.made("/v1/signers/release/requests", why)
        grant = api.made("/v1/signers/release/grants", why | {"identity": "admin"}, key=self.key)
        (key,) = api.get("/v1/identities/ann").json["keys"]
        self._names: dict[str, str] = {
            "/v1/identities/": "ann",
            "/v1/signers/": "release",
            "/v1/policies/": "weekly",
            "identity": "ann",
            "key_id": key["id"],
            "request_id": request["id"],
            "grant_id": grant["id"],
            "operation_id": api.rows()[0]["id"],
        }

    def answer(self, call: Call, *, conforming: bool = True) -> falcon.testing.Result:
        """`conforming`: held against the document."""
        ask = self.api.call if conforming else self.api.call_unchecked
        headers = {"Authorization": f"Bearer {self.key}"} | dict(call.headers)
        if call.content is not None:
            headers["Content-Type"] = "application/json"
        return ask(
            call.method,
            re.sub(r"\{(\w+)\}", lambda part: self._fill(call, part[1]), call.template),
            headers=headers,
            content=call.content,
            query_string=call.query,
        )

    def _fill(self, call: Call, name: str) -> str:
        """A name that there is, unless the call has another; of a new kind of address, any."""
        if name in call.path:
            return call.path[name]
        of_kind = next((key for key in self._names if call.template.startswith(key)), name)
        return self._names.get(name, self._names.get(of_kind, "any"))


class Forgetful:
    """For `Rates`: nobody calls too often."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, place: int, /) -> float:
        return 0.0

    def __setitem__(self, place: int, value: float, /) -> None:
        """Gone."""


@pytest.fixture(scope="module")
def planes(
    tmp_path_factory: pytest.TempPathFactory,
    postgresql: PostgresqlServer,  # noqa: F811
) -> Iterator[tuple[Plane, Plane]]:
    with ExitStack() as opened:
        apis = []
        for database in (None, postgresql.new_database()):
            location = Location(Path(tmp_path_factory.mktemp("edge")) / "data", database)
            admin_key = initialise(location).api_key
            apis.append(
                Api(
                    opened.enter_context(
                        open_services(
                            location, places=SharedPlaces(*(Forgetful() for _ in range(4)))
                        )
                    ),
                    admin_key,
                )
            )
        on_sqlite, on_postgresql = (Plane(api) for api in apis)
        yield on_sqlite, on_postgresql


def test_whatever_stands_anywhere_both_stores_say_the_same(planes: tuple[Plane, Plane]) -> None:
    on_sqlite, on_postgresql = planes
    faults: list[object] = []
    for call in calls(on_sqlite.api.document):
        said = outcome(on_sqlite.answer(call))
        also = outcome(on_postgresql.answer(call, conforming=False))
        if said != also or said[0] >= 500 or not is_named(call, said):
            faults.append((call, said, also))
    assert faults == []


def outcome(answer: falcon.testing.Result) -> tuple[int, str | None, str | None]:
    media_type = answer.headers.get("content-type", "")
    problem = answer.json if media_type.startswith("application/problem") else {}
    return answer.status_code, problem.get("code"), problem.get("field")


def is_named(call: Call, said: tuple[int, str | None, str | None]) -> bool:
    status, code, field = said
    if status == 400 and not field:
        return False
    if not call.unstorable:
        return True
    return (status, code, without_indexes(field)) == (400, "invalid_request", call.place)


def without_indexes(field: str | None) -> str | None:
    return None if field is None else re.sub(r"\[[^]]*\]", "[]", field)


def test_who_is_not_known_is_refused_before_anything_is_looked_at(
    planes: tuple[Plane, Plane],
) -> None:
    looked_at = [
        (f"{method} {template}", answer.status_code, answer.json["code"])
        for plane in planes
        for template, methods in plane.api.document["paths"].items()
        for method, described in methods.items()
        if described.get("security") != []
        for answer in [
            plane.api.call(
                method.upper(),
                re.sub(r"\{\w+\}", "a%00b", template),
                key="swk_" + "x" * 43,
                headers={"Content-Type": "application/json", "Idempotency-Key": "two words"},
                content=None if method == "get" else rb'{"\ud800": "\u0000"',
                query_string="limit=%00",
            )
        ]
    ]
    assert looked_at
    assert [each for each in looked_at if each[1:] != (401, "api_key_unknown")] == []


class TestTheDocument:
    """says it of every string and integer that a caller can send."""

    def test_strings_are_text_and_integers_bounded(self, api: Api) -> None:
        found = [
            (f"{method} {template}: {place}", schema)
            for template, methods in api.document["paths"].items()
            for method, described in methods.items()
            for place, schema in sent(api.document, described)
        ]
        assert len(found) > 40
        beyond = {place for place, schema in found if not fits_a_store(schema)}
        assert beyond == {f"get /v1/log/consistency: {size}" for size in ("old", "new")}  # of a log


def sent(document: Schema, described: Schema) -> Iterator[tuple[str, Schema]]:
    """Strings and integers of body and query."""
    for parameter in described.get("parameters", []):
        if parameter["in"] == "query":
            yield from leaves(document, parameter["name"], parameter["schema"])
    body = body_schema(described)
    if body is not None:
        yield from leaves(document, "body", body)


def leaves(document: Schema, place: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
    schema = resolved(document, schema)
    match schema.get("type"):
        case "object":
            for name, member in schema.get("properties", {}).items():
                yield from leaves(document, f"{place}.{name}", member)
        case "array":
            yield from leaves(document, f"{place}[]", schema["items"])
        case "string" | "integer":
            yield place, schema


def fits_a_store(schema: Schema) -> bool:
    if schema["type"] == "integer":
        return bool(schema.get("maximum", GREATEST + 1) <= GREATEST)
    if schema.keys() & {"enum", "const", "format", "contentEncoding"}:
        return True
    pattern: Any = schema.get("pattern", "")
    return not any(re.search(pattern, text) for text in UNSTORABLE)
