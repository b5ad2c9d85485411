"""The document and the server are about the same API."""

import re

from jsonschema import Draft202012Validator

from controlplane.api.metrics import Metrics
from controlplane.app import routes
from controlplane.errors import Code
from controlplane.service.installation import Services
from tests.controlplane.conftest import Api


def test_every_route_is_described_and_nothing_else(services: Services, api: Api) -> None:
    served = {
        (template.replace(":path}", "}"), method)
        for template, resource in routes(services, Metrics())
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(resource, f"on_{method}")
    }
    described = {
        (template, method)
        for template, methods in api.document["paths"].items()
        for method in methods
    }
    assert described == served | {("/v1/openapi.json", "get")}


def test_every_part_of_a_path_is_a_parameter(api: Api) -> None:
    for template, methods in api.document["paths"].items():
        for described in methods.values():
            named = [
                each["name"] for each in described.get("parameters", []) if each["in"] == "path"
            ]
            assert named == re.findall(r"\{(\w+)\}", template)


def test_every_operation_has_an_id_of_its_own(api: Api) -> None:
    ids = [
        described["operationId"]
        for methods in api.document["paths"].values()
        for described in methods.values()
    ]
    assert len(ids) == len(set(ids))


def test_schemas_are_schemas_and_references_lead_somewhere(api: Api) -> None:
    schemas = api.document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    referred = set(re.findall(r"#/components/schemas/([^'\"]+)", str(api.document)))
    assert referred <= set(schemas)


def test_what_a_body_may_not_have_the_document_says(api: Api) -> None:
    schemas = api.document["components"]["schemas"]
    assert schemas["Sign"]["additionalProperties"] is False
    assert schemas["Pss"]["properties"]["salt_length"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 478,
        "description": "octets",
    }


def test_every_refusal_is_of_known_codes_that_the_document_explains(api: Api) -> None:
    """That an endpoint gives no other code than it says, `Api` looks at with each answer."""
    codes = api.document["components"]["schemas"]["Code"]["oneOf"]
    explained = {each["const"] for each in codes}
    for methods in api.document["paths"].values():
        for described in methods.values():
            for status, answer in described["responses"].items():
                if status < "400":
                    continue
                schema = answer["content"]["application/problem+json"]["schema"]
                problem, narrowed = schema["allOf"]
                assert problem == {"$ref": "#/components/schemas/Problem"}
                given = narrowed["properties"]["code"]["enum"]
                assert given
                assert set(given) <= explained <= set(Code)


def test_only_what_needs_no_key_says_so(api: Api) -> None:
    public = {
        template
        for template, methods in api.document["paths"].items()
        for described in methods.values()
        if described.get("security") == []
    }
    assert public == {
        "/metrics",
        "/v1/enrol",
        "/v1/health/live",
        "/v1/health/ready",
        "/v1/openapi.json",
    }
