"""The OpenAPI 3.1 document, made from the routes and the structs that serve them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin

import msgspec
from falcon.asgi import Request, Response

from controlplane.api.endpoint import JSON, Answer, Endpoint, Stream
from controlplane.api.problems import MEDIA_TYPE, Problem
from controlplane.api.proposals import ProposedChange
from controlplane.api.refusals import (
    EVERYWHERE,
    OF_A_BODY,
    OF_A_CALLER,
    REFUSALS,
    STATUSES,
    by_status,
)
from controlplane.api.text import MAX_PARAMETER
from controlplane.domain.ranges import IDEMPOTENCY_KEY
from controlplane.domain.secret import API_KEY, LENGTH
from controlplane.errors import Code

Schema = dict[str, Any]
Routes = Iterable[tuple[str, object]]

_REFERENCE = "#/components/schemas/{name}"
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_CONVERTER = re.compile(r":\w+\}")  # what the framework makes of a part of the path
_METHODS = ("get", "post", "put", "patch", "delete")
_SUCCESSES = {
    200: "Done.",
    201: "Created.",
    202: "Nothing changed yet: others have to agree.",
    204: "Done; no body.",
    304: "Unchanged.",
}
_OF_A_PROPOSAL = (Code.POLICY_CANNOT_BE_MET, Code.TOO_MANY_PENDING, Code.CLOCK_BEHIND)
"""Where a change can need the consent of others."""


def document(routes: Routes, version: str) -> Schema:
    """Complete: every route, parameter, body, answer and refusal."""
    served = list(_endpoints(routes))
    named = [Problem, ProposedChange, *_structs(served)]
    _, components = msgspec.json.schema_components(named, ref_template=_REFERENCE)
    paths: dict[str, Schema] = {}
    for template, method, found, public in served:
        paths.setdefault(template, {})[method] = _operation(template, method, found, public)
    for route, resource in routes:
        template = _CONVERTER.sub("}", route)
        if getattr(resource, "takes_strangers", False):
            for described in paths[template].values():
                described["security"] = [{"apiKey": []}, {}]
        if plain := getattr(resource, "content_type", None):
            refusals = getattr(resource, "refusals", EVERYWHERE)
            paths[template] = {"get": _plain(template, plain, refusals)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sealwright",
            "version": version,
            "summary": "Code signing: keys stay on the server, every tool signs over PKCS#11.",
        },
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": components | {"Code": _codes()},
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"An API key: {API_KEY} and {LENGTH} letters and digits.",
                }
            },
        },
    }


class OpenApi:
    public = True
    content_type = JSON

    def __init__(self) -> None:
        self._document = b""

    def describe(self, routes: Routes, version: str) -> None:
        self._document = msgspec.json.encode(document(routes, version))

    async def on_get(self, _req: Request, resp: Response) -> None:
        resp.content_type = JSON
        resp.data = self._document


def _endpoints(routes: Routes) -> Iterator[tuple[str, str, Endpoint, bool]]:
    for route, resource in routes:
        template = _CONVERTER.sub("}", route)
        for method in _METHODS:
            found = getattr(getattr(resource, f"on_{method}", None), "endpoint", None)
            if isinstance(found, Endpoint):
                yield template, method, found, getattr(resource, "public", False)


def _structs(served: list[tuple[str, str, Endpoint, bool]]) -> list[Any]:
    return [
        each
        for _, _, found, _ in served
        for each in (found.body, _answered(found))
        if each is not None and each is not Stream and each is not bytes
    ]


def _answered(found: Endpoint) -> Any:
    """The struct of the answer: None for no body."""
    answer = found.answer
    if get_origin(answer) is Answer:
        answer = get_args(answer)[0]
    return None if answer is type(None) else answer


def _operation(template: str, method: str, found: Endpoint, public: bool) -> Schema:
    described: Schema = {
        "summary": found.summary,
        "operationId": _operation_id(template, method),
        "responses": _responses(found, public),
    }
    parameters = [*_path_parameters(template), *_query_parameters(found)]
    if "idempotency_key" in found.hints:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key from the same identity gives the same signature.",
                "schema": {
                    "type": "string",
                    "minLength": IDEMPOTENCY_KEY.least,
                    "maxLength": IDEMPOTENCY_KEY.most,
                },
            }
        )
    if parameters:
        described["parameters"] = parameters
    if found.body is not None:
        described["requestBody"] = {
            "required": bool(_required(found.body)),
            "content": {JSON: {"schema": _reference(found.body)}},
        }
    if found.takes_octets:
        described["requestBody"] = {"required": True, "content": {found.takes: {"schema": {}}}}
    if public:
        described["security"] = []
    return described


def _responses(found: Endpoint, public: bool) -> Mapping[str, Schema]:
    answered = _answered(found)
    responses: dict[str, Schema] = {}
    for status in (found.status, *found.also):
        responses[str(status)] = {"description": _SUCCESSES[status]}
        if answered is Stream:
            responses[str(status)]["content"] = {"application/x-ndjson": {"schema": {}}}
        elif answered is bytes and status != 304:
            media_type = found.media_type.partition(";")[0]
            responses[str(status)]["content"] = {media_type: {"schema": {}}}
        elif answered is not None and status != 304:
            responses[str(status)]["content"] = {JSON: {"schema": _reference(answered)}}
    if found.proposes:
        content = {JSON: {"schema": _reference(ProposedChange)}}
        responses["202"] = {"description": _SUCCESSES[202], "content": content}
    refusals = {*EVERYWHERE, *found.refusals}
    if found.proposes:
        refusals.update(_OF_A_PROPOSAL)
    if not public:
        refusals.update(OF_A_CALLER)
    if found.body is not None or found.takes_octets:
        refusals.update(OF_A_BODY)
    return {**responses, **_refused(refusals, found.otherwise)}


def _refused(codes: Iterable[Code], otherwise: Mapping[Code, int]) -> Schema:
    """Problem documents by their status, each with the codes that it can have."""
    return {
        str(status): {
            "description": STATUSES[status],
            "content": {MEDIA_TYPE: {"schema": _problem(given)}},
        }
        for status, given in by_status(codes, otherwise).items()
    }


def _codes() -> Schema:
    """What each one means."""
    return {
        "oneOf": [
            {"const": code, "description": refusal.meaning} for code, refusal in REFUSALS.items()
        ]
    }


def _problem(codes: Iterable[Code]) -> Schema:
    return {"allOf": [_reference(Problem), {"properties": {"code": {"enum": list(codes)}}}]}


def _plain(template: str, content_type: str, refusals: Iterable[Code]) -> Schema:
    return {
        "summary": "Prometheus metrics" if content_type != JSON else "This document",
        "operationId": _operation_id(template, "get"),
        "security": [],
        "responses": {
            "200": {"description": "Done.", "content": {content_type: {"schema": {}}}},
            **_refused(refusals, {}),
        },
    }


def _path_parameters(template: str) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "maxLength": MAX_PARAMETER},
        }
        for name in _PATH_PARAMETER.findall(template)
    ]


def _query_parameters(found: Endpoint) -> list[Schema]:
    if found.query is None:
        return []
    (reference,), components = msgspec.json.schema_components(
        [found.query], ref_template=_REFERENCE
    )
    properties = components[reference["$ref"].rpartition("/")[2]]["properties"]
    inlined = {name: _inlined(schema, components) for name, schema in properties.items()}
    required = _required(found.query)
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in inlined.items()
    ]


def _inlined(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """A parameter cannot be null, only left out."""
    without_null = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    if len(without_null) == 1:
        schema = without_null[0]
    if "$ref" in schema:
        return components[schema["$ref"].rpartition("/")[2]]
    return {name: value for name, value in schema.items() if value is not None}


@cache  # answers share their types, refusals theirs
def _reference(wanted: Any) -> Schema:
    (schema,), _ = msgspec.json.schema_components([wanted], ref_template=_REFERENCE)
    return schema


def _required(struct: type[msgspec.Struct]) -> list[str]:
    return [each.name for each in msgspec.structs.fields(struct) if each.required]


def _operation_id(template: str, method: str) -> str:
    words = re.findall(r"\w+", template.removeprefix("/v1"))
    return "_".join([method, *words])
