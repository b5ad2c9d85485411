"""A page of a list is bounded in octets, not only in items: one that would be larger ends earlier,
with its cursor, and the pages together are the whole list."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from controlplane.api.pages import items
from controlplane.domain.job import JobRecord
from controlplane.domain.page import MAX_OCTETS, Page, PageRequest
from controlplane.domain.ranges import PAGE
from controlplane.service.cursor import cut, read_number
from controlplane.service.installation import Services
from tests.controlplane.conftest import Api
from tests.controlplane.test_witnesses_listed import a_key

PEOPLE = [f"{number:02}-{'x' * 61}" for number in range(64)]
WIDE = "\U0001f600" * 1024  # 4 octets each


def pages(api: Api, path: str, limit: int = PAGE.most) -> Iterator[list[dict[str, Any]]]:
    """The items of each."""
    cursor = ""
    while True:
        answer = api.get(path, params={"limit": limit} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        assert len(answer.content) <= MAX_OCTETS
        yield answer.json["items"]
        cursor = answer.json["next"]
        if cursor is None:
            return


def test_operations_of_clients_that_say_much_of_themselves(api: Api) -> None:
    key = api.machine("ci")
    told = dict.fromkeys(("tool", "command", "hostname", "os_user"), WIDE)
    for _ in range(200):
        api.sign("no-such-signer", key, client=told)
    found = list(pages(api, "/v1/operations"))
    assert len(found) > 1
    sequences = [row["sequence"] for page in found for row in page]
    assert sequences == list(range(sequences[0], 0, -1))


def test_policies_with_many_approvers(api: Api) -> None:
    for name in PEOPLE:
        api.user(name)
    steps = [{"name": f"{number}", "required": 1, "approvers": PEOPLE} for number in range(12)]
    names = [f"policy-{number:02}" for number in range(24)]
    for name in names:
        api.made("/v1/policies", {"name": name, "max_signings": 1, "steps": steps})
    found = list(pages(api, "/v1/policies"))
    assert len(found) == 2
    assert [each["name"] for page in found for each in page] == names
    assert [len(page) for page in pages(api, "/v1/policies", limit=10)] == [10, 10, 4]


def test_every_list_is_bounded(
    api: Api, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new one is held to it by itself, and only needs two items here."""
    ann = api.user("ann")
    at = services.jobs.now()
    services.jobs.take_over([JobRecord(name, "", 1, at, "here", 1) for name in ("one", "two")])
    for name in ("one.example", "two.example"):
        api.made("/v1/log/witnesses", {"url": f"https://{name}", "key": a_key(name)})
    for name in ("one", "two"):
        api.made("/v1/groups", {"name": name})
        step = {"name": "lead", "required": 1, "approvers": ["ann"]}
        api.made("/v1/policies", {"name": name, "max_signings": 5, "steps": [step]})
        signer = {"name": name, "key": "p256", "common_name": f"ACME {name}", "policy": name}
        api.made("/v1/signers", signer)
        for identity, role in (("ann", "administrator"), ("admin", "operator")):
            api.made(f"/v1/signers/{name}/members", {"identity": identity, "role": role})
        api.made(f"/v1/signers/{name}/requests", {"justification": "x"})
        granted = {"identity": "admin", "justification": "x"}
        api.made(f"/v1/signers/{name}/grants", granted, key=ann)
        assert api.call("PATCH", f"/v1/policies/{name}", {"protected": True}).status_code == 200
        assert api.post(f"/v1/signers/{name}/policy", {"policy": None}).status_code == 202
    empty = {"/v1/recovery", "/v1/operations/report"}  # but after a rollback, or signatures
    lists = [each.replace("{name}", "one") for each in listing(api.document) if each not in empty]
    assert "/v1/operations" in lists
    for path in lists:
        (whole,) = pages(api, path)
        assert len(whole) > 1, path
        with monkeypatch.context() as patched:
            patched.setattr("controlplane.api.pages.MAX_OCTETS", 1)
            assert list(pages(api, path)) == [[each] for each in whole]


def listing(document: dict[str, Any]) -> Iterator[str]:
    """The addresses whose answer has a cursor."""
    for template, methods in document["paths"].items():
        schema = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        reference = schema.get("application/json", {}).get("schema", {}).get("$ref", "")
        answered = document["components"]["schemas"].get(reference.rpartition("/")[2], {})
        if "next" in answered.get("properties", {}):
            yield template


class TestTheBound:
    """by items that are so many octets long, numbered from 1."""

    def answer(self, count: int, octets: int, request: PageRequest) -> tuple[int, bytes]:
        """How many items there are, and the whole of it."""
        after = read_number(request, 0)
        found = range(after + 1, min(count, after + request.limit + 1) + 1)
        page: Page[int] = cut(found, request, lambda number: number)
        whole = msgspec.json.encode(items(page, lambda number: f"{number:0{octets - 2}}"))
        return len(msgspec.json.decode(whole)["items"]), whole

    def test_a_page_that_fits_has_as_many_items_as_were_wanted(self) -> None:
        assert self.answer(2000, 1000, PageRequest(1000))[0] == 1000

    @pytest.mark.parametrize("octets", [2000, 1024 * 64 - 1, 1024 * 512])
    def test_one_that_would_not_is_nearly_full(self, octets: int) -> None:
        count, whole = self.answer(2000, octets, PageRequest(1000))
        assert 1 <= count < 1000
        assert MAX_OCTETS - octets - 1024 < len(whole) <= MAX_OCTETS

    def test_a_larger_item_stands_alone(self) -> None:
        count, whole = self.answer(3, 2 * MAX_OCTETS, PageRequest(1000))
        assert count == 1
        assert msgspec.json.decode(whole)["next"] is not None

    def test_the_pages_together_are_the_list(self) -> None:
        cursor, seen = "", 0
        while cursor is not None:
            count, whole = self.answer(700, 3000, PageRequest(1000, cursor or None))
            seen += count
            cursor = msgspec.json.decode(whole)["next"]
        assert seen == 700

    def test_an_empty_list(self) -> None:
        assert self.answer(0, 100, PageRequest())[1] == b'{"items":[],"next":null}'
