"""Who is known and refused, a revoked key or a disabled identity, is refused first, whatever else
is wrong with the call; the row of a call to sign is small and can be stored, on both stores."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane.audit.verification import verify_lines
from controlplane.domain.model import Client
from controlplane.service.installation import initialise, open_services
from controlplane.service.location import Location
from tests.controlplane.conftest import Api
from tests.postgresql import database, postgresql  # noqa: F401  # fixtures

MOST_OF_A_ROW = 2000  # octets
READ_OF_THE_REFUSED = 16 * 1024  # octets of a body
TOLD = ("tool", "command", "hostname", "os_user", "module_version")
DIGEST = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="


@pytest.fixture
def api(tmp_path: Path, database: str | None) -> Iterator[Api]:  # noqa: F811
    location = Location(tmp_path / "data", database)
    key = initialise(location).api_key
    with open_services(location) as services:
        yield Api(services, key)


@pytest.fixture
def revoked(api: Api) -> str:
    """The API key of a machine with a long name."""
    name = "m" * 64
    key = api.machine(name)
    revoke(api, name)
    return key


def revoke(api: Api, name: str) -> None:
    """The API key of this identity, which has one."""
    (known,) = api.get(f"/v1/identities/{name}").json["keys"]
    api.made(f"/v1/identities/{name}/keys/{known['id']}/revoke", {})


def a_body(**different: object) -> bytes:
    return json.dumps({"scheme": "ecdsa", "hash": "sha256", "digest": DIGEST} | different).encode()


CALLS: list[tuple[str, bytes, dict[str, str], str]] = [
    ("a%00b", a_body(), {}, ""),
    ("%ff%ed%a0%80", a_body(), {}, ""),
    ("%f0%9f%98%80" * 2000, a_body(), {}, ""),
    ("release", a_body(client={"tool": "a\0b", "shoes": "brown"}), {}, ""),
    ("release", a_body(), {"Idempotency-Key": "two words"}, ""),
    ("release", a_body(), {}, "colour=%00&colour=red"),
]


def test_whatever_is_wrong_with_a_call_the_answer_is_401_and_a_row_says_so(
    api: Api, revoked: str
) -> None:
    for path, body, headers, query in CALLS:
        answer = api.post(
            f"/v1/signers/{path}/sign",
            content=body,
            key=revoked,
            headers=headers | {"Content-Type": "application/json"},
            query_string=query,
        )
        assert (answer.status_code, answer.json["code"]) == (401, "api_key_revoked")
    rows = api.rows(kind="sign")
    assert len(rows) == len(CALLS)
    assert {(row["outcome"], row["reason"]) for row in rows} == {("denied", "api_key_revoked")}
    assert {row["digest"] for row in rows} == {DIGEST}


def test_what_cannot_be_stored_of_a_name_shows_as_such(api: Api, revoked: str) -> None:
    api.sign("a%00b%ff", revoked)
    (row,) = api.rows(kind="sign")
    assert row["signer"] == "a\ufffdb\ufffd"


def test_the_largest_row_is_small(api: Api, revoked: str) -> None:
    api.sign(
        "%01" * 2000,
        revoked,
        scheme="rsa-pss",
        hash="sha512",
        digest="A" * 86 + "==",
        pss={"mgf_hash": "sha512", "salt_length": 478},
        certificate_serial="f" * 64,
        client=dict.fromkeys(TOLD, "\U0001f600" * 500) | {"application_sha256": "0" * 64},
        headers={"Idempotency-Key": "k" * 255},
    )
    (row,) = api.rows(kind="sign")
    assert len(json.dumps(row, ensure_ascii=False, separators=(",", ":"))) < MOST_OF_A_ROW
    assert row["client"] == dict.fromkeys(Client.__dataclass_fields__) | {"address": "127.0.0.1"}
    assert row["idempotency_key"] is None
    assert row["signer"] == "\x01" * 64


def test_octets_that_are_no_digest_are_not_kept(api: Api, revoked: str) -> None:
    api.sign("release", revoked, scheme="rsa-pkcs1v15", hash="none", digest="AAAA" * 170)
    (row,) = api.rows(kind="sign")
    assert row["digest"] is None


def test_what_is_no_call_to_sign_leaves_no_row(api: Api, revoked: str) -> None:
    for body in (b"{", b"[]", a_body(hash="md5"), a_body(digest="AA==")):
        answer = api.post(
            "/v1/signers/release/sign",
            content=body,
            key=revoked,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 401
    assert api.rows(kind="sign") == []


@pytest.mark.parametrize("what", ["revoked", "disabled"])
@pytest.mark.parametrize("length", [READ_OF_THE_REFUSED + 1, 96 * 1024, 200 * 1024])
def test_of_a_body_that_is_not_read_the_row_says_nothing(api: Api, what: str, length: int) -> None:
    key = api.machine("ci")
    refuse: dict[str, Callable[[], object]] = {
        "revoked": lambda: revoke(api, "ci"),
        "disabled": lambda: api.made("/v1/identities/ci/disable", {}),
    }
    refuse[what]()
    answer = api.post(
        "/v1/signers/release/sign",
        content=a_body().ljust(length),
        key=key,
        headers={"Content-Type": "application/json", "Idempotency-Key": "k"},
    )
    assert answer.status_code == 401
    (row,) = api.rows(kind="sign")
    told = {
        "signer": "release",
        "actor": "ci",
        "outcome": "denied",
        "reason": answer.json["code"],
        "client": dict.fromkeys(Client.__dataclass_fields__) | {"address": "127.0.0.1"},
    }
    about_the_row = {
        "sequence",
        "id",
        "created_at",
        "kind",
        "api_key_id",
        "previous_hash",
        "row_hash",
        "version",
        "credential",
        "credential_id_hash",
        "credential_id_salt",
        "client_hash",
        "client_salt",
    }
    assert {name: row[name] for name in told} == told
    assert {row[name] for name in row.keys() - told.keys() - about_the_row} == {None}
    assert verify_lines(api.get("/v1/operations/export").text.encode().splitlines()).intact


def test_a_body_of_the_length_that_is_read_is_read(api: Api, revoked: str) -> None:
    answer = api.post(
        "/v1/signers/release/sign",
        content=a_body().ljust(READ_OF_THE_REFUSED),
        key=revoked,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 401
    (row,) = api.rows(kind="sign")
    assert (row["scheme"], row["hash"], row["digest"]) == ("ecdsa", "sha256", DIGEST)
