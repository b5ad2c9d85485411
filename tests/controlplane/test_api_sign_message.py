"""Ed25519: the message travels in the place of a digest."""

import base64
import hashlib

import falcon.testing
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.controlplane.conftest import Api
from tests.controlplane.nasty import same_octets_in_another_text

LARGEST = 65_536
PSS = {"mgf_hash": "sha256", "salt_length": 32}
REMEDY = (
    "Give the signer another policy (sealwright signer set-policy release POLICY), have this one "
    "allow sha512 (sealwright policy edit listed --hash sha256,sha384,sha512), or sign with a "
    "signer of another kind of key."
)


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


@pytest.fixture
def ci(api: Api) -> str:
    key = api.machine("ci")
    api.signer("release", "ed25519", operator="ci")
    return key


def sign(api: Api, key: str, **different: object) -> falcon.testing.Result:
    body = {"scheme": "ed25519", "hash": "none", "digest": ..., "message": encoded(b"abc")}
    return api.sign("release", key, **(body | different))


@pytest.mark.parametrize("octets", [0, 1, LARGEST])
def test_the_message_itself_is_signed_and_its_sha_512_is_on_record(
    api: Api, ci: str, octets: int
) -> None:
    message = bytes(index % 251 for index in range(octets))
    answer = sign(api, ci, message=encoded(message))
    assert answer.status_code == 200, answer.text
    pem = api.get("/v1/signers/release/certificate").json["certificate"]
    public_key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(public_key, Ed25519PublicKey)
    public_key.verify(base64.b64decode(answer.json["signature"]), message)
    (row,) = api.rows(kind="sign")
    assert (row["scheme"], row["hash"]) == ("ed25519", "none")
    assert row["digest"] == encoded(hashlib.sha512(message).digest())
    assert (row["pss"], row["ecdsa_encoding"]) == (None, None)


@pytest.mark.parametrize(
    ("different", "field"),
    [
        ({"message": encoded(bytes(LARGEST + 1))}, "message"),
        ({"message": ...}, "message"),
        ({"message": "not base64!"}, "message"),
        ({"message": same_octets_in_another_text(b"abc!")}, "message"),
        ({"message": same_octets_in_another_text(b"abcd!")}, "message"),
        ({"digest": encoded(bytes(64))}, "digest"),
        ({"digest": encoded(bytes(64)), "message": ...}, "digest"),
        ({"hash": "sha512"}, "hash"),
        ({"pss": PSS}, "pss"),
        ({"ecdsa_encoding": "der"}, "ecdsa_encoding"),
        ({"scheme": "ecdsa"}, "message"),
        ({"scheme": "ecdsa", "digest": encoded(bytes(32))}, "message"),
        ({"scheme": "ecdsa", "message": ...}, "digest"),
    ],
)
def test_what_does_not_go_with_the_scheme_is_refused_and_leaves_no_row(
    api: Api, ci: str, different: dict[str, object], field: str
) -> None:
    answer = sign(api, ci, **different)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["field"] == field
    assert api.rows(kind="sign") == []


def test_an_idempotency_key_is_for_one_message(api: Api, ci: str) -> None:
    headers = {"Idempotency-Key": "one"}
    first = sign(api, ci, headers=headers)
    assert sign(api, ci, headers=headers).json == first.json
    other = sign(api, ci, message=encoded(b"abd"), headers=headers)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_conflict")


def test_a_revoked_key_leaves_a_row_of_a_message_too(api: Api, ci: str) -> None:
    api.post("/v1/identities/ci/disable")
    assert sign(api, ci).status_code == 401
    (row,) = api.rows(kind="sign")
    assert (row["scheme"], row["reason"]) == ("ed25519", "identity_disabled")
    assert row["digest"] == encoded(hashlib.sha512(b"abc").digest())


@pytest.mark.parametrize(
    ("hashes", "allowed"),
    [(["sha512"], True), ([], True), (["sha256", "sha512"], True), (["sha256", "sha384"], False)],
)
def test_for_a_policy_it_counts_as_sha512(
    api: Api, ci: str, hashes: list[str], allowed: bool
) -> None:
    terms = {"max_signings": 5, "max_window_seconds": 3600, "hashes": hashes}
    api.made("/v1/policies", terms | {"name": "listed"})
    api.made("/v1/signers/release/policy", {"policy": "listed"})
    api.made("/v1/signers/release/requests", {"justification": "1.2"}, key=ci)

    answer = sign(api, ci)
    path = "/v1/signers/release/explain"
    told = [
        api.get(path, params={"identity": "ci"} | asked).json
        for asked in ({"hash": "none"}, {"hash": "sha512"}, {})
    ]

    assert [each["allowed"] for each in told] == [allowed] * 3
    if allowed:
        assert answer.status_code == 200, answer.text
    else:
        assert (answer.status_code, answer.json["code"]) == (403, "algorithm_not_allowed")
        assert "ed25519 counts as sha512, which is not allowed" in answer.json["title"]
        assert {each["code"] for each in told} == {"algorithm_not_allowed"}
        assert [each["missing"] for each in told] == [[REMEDY]] * 3


def test_a_policy_under_which_it_can_never_sign_is_a_warning(api: Api) -> None:
    api.signer("release", "ed25519")
    terms = {"max_signings": 5, "hashes": ["sha256", "sha384"]}
    api.made("/v1/policies", terms | {"name": "listed"})
    new = {"name": "born", "key": "ed25519", "common_name": "Born", "policy": "listed"}
    attached = api.made("/v1/signers/release/policy", {"policy": "listed"})
    warning = (
        "No new grant will allow a signature: ed25519 counts as sha512, and the policy 'listed' "
        f"allows sha256, sha384 only. {REMEDY}"
    )
    assert attached["warnings"] == [warning]
    assert api.made("/v1/signers", new)["warnings"] == [warning.replace("release", "born")]
    fitting = {"hashes": ["sha256", "sha512"]}
    assert api.call("PATCH", "/v1/policies/listed", fitting).status_code == 200
    assert api.get("/v1/signers/release").json["warnings"] == []


def test_explain_knows_of_no_call_with_another_hash(api: Api, ci: str) -> None:
    query = {"identity": "ci", "hash": "sha256"}
    answer = api.get("/v1/signers/release/explain", params=query, key=ci)
    assert (answer.status_code, answer.json["field"]) == (400, "hash")
    assert "counts as sha512" in answer.json["title"]
