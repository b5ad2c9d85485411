"""The call to sign over HTTP: what it takes, what it gives, and the row it leaves."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from tests.controlplane.conftest import DIGEST, Api
from tests.controlplane.nasty import same_octets_in_another_text


@pytest.fixture
def ci(api: Api) -> str:
    return api.machine("ci")


def public_key(api: Api, signer: str) -> object:
    pem = api.get(f"/v1/signers/{signer}/certificate").json["certificate"]
    return x509.load_pem_x509_certificate(pem.encode()).public_key()


def test_an_ecdsa_signature_verifies_and_its_row_is_there(api: Api, ci: str) -> None:
    serial = api.signer("release", operator="ci")["certificate_serial"]
    answer = api.sign("release", ci, client={"tool": "jarsigner", "hostname": "build-7"})
    assert answer.status_code == 200, answer.text
    signature = base64.b64decode(answer.json["signature"])
    key = public_key(api, "release")
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))
    (row,) = api.rows(kind="sign")
    assert row["id"] == answer.json["operation_id"]
    assert (row["actor"], row["signer"], row["outcome"]) == ("ci", "release", "succeeded")
    assert (row["certificate_serial"], row["signature"]) == (serial, answer.json["signature"])
    assert (row["client"]["tool"], row["client"]["hostname"]) == ("jarsigner", "build-7")
    assert row["client"]["address"] == "127.0.0.1"


def test_p1363_is_r_and_s_side_by_side(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    answer = api.sign("release", ci, ecdsa_encoding="p1363")
    signature = base64.b64decode(answer.json["signature"])
    assert len(signature) == 64
    key = public_key(api, "release")
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(encode_dss_signature(r, s), DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_rsa_signatures_verify(api: Api, ci: str) -> None:
    api.signer("release", "rsa-2048", operator="ci")
    key = public_key(api, "release")
    assert isinstance(key, rsa.RSAPublicKey)
    plain = api.sign("release", ci, scheme="rsa-pkcs1v15")
    key.verify(
        base64.b64decode(plain.json["signature"]),
        DIGEST,
        padding.PKCS1v15(),
        Prehashed(hashes.SHA256()),
    )
    pss = api.sign("release", ci, scheme="rsa-pss", pss={"mgf_hash": "sha384", "salt_length": 20})
    key.verify(
        base64.b64decode(pss.json["signature"]),
        DIGEST,
        padding.PSS(padding.MGF1(hashes.SHA384()), 20),
        Prehashed(hashes.SHA256()),
    )


PSS = {"mgf_hash": "sha256", "salt_length": 32}


@pytest.mark.parametrize(
    ("different", "field"),
    [
        ({"scheme": "dsa"}, "scheme"),
        ({"scheme": ...}, "scheme"),
        ({"hash": "sha1"}, "hash"),
        ({"digest": "not base64!"}, "digest"),
        ({"digest": base64.b64encode(DIGEST).decode().rstrip("=")}, "digest"),
        ({"digest": same_octets_in_another_text(DIGEST)}, "digest"),
        ({"digest": ""}, "digest"),
        ({"hash": "none", "digest": ""}, "digest"),
        ({"digest": base64.b64encode(DIGEST[:31]).decode()}, "digest"),
        ({"hash": "sha384"}, "digest"),
        ({"hash": "none", "digest": base64.b64encode(b"x" * 65).decode()}, "digest"),
        (
            {
                "scheme": "rsa-pkcs1v15",
                "hash": "none",
                "digest": base64.b64encode(b"x" * 513).decode(),
            },
            "digest",
        ),
        ({"pss": PSS}, "pss"),
        ({"scheme": "rsa-pss"}, "pss"),
        ({"scheme": "rsa-pss", "pss": PSS | {"salt_length": 479}}, "pss.salt_length"),
        ({"scheme": "rsa-pss", "pss": PSS | {"salt_length": -1}}, "pss.salt_length"),
        ({"scheme": "rsa-pss", "pss": PSS | {"mgf_hash": "none"}}, "pss.mgf_hash"),
        ({"scheme": "rsa-pss", "pss": PSS | {"trailer": 1}}, "pss.trailer"),
        ({"scheme": "rsa-pkcs1v15", "ecdsa_encoding": "der"}, "ecdsa_encoding"),
        ({"ecdsa_encoding": "raw"}, "ecdsa_encoding"),
        ({"client": {"tool": 7}}, "client.tool"),
        ({"client": {"password": "x"}}, "client.password"),
        ({"certificate_serial": "ABC"}, "certificate_serial"),
        ({"artifact": "AAAA"}, "artifact"),
    ],
)
def test_what_is_no_call_to_sign_is_refused_and_leaves_no_row(
    api: Api, ci: str, different: dict[str, object], field: str
) -> None:
    api.signer("release", operator="ci")
    answer = api.sign("release", ci, **different)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["field"] == field
    assert api.rows(kind="sign") == []


def test_a_scheme_that_does_not_fit_the_key_is_refused(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    answer = api.sign("release", ci, scheme="rsa-pkcs1v15")
    assert (answer.status_code, answer.json["code"]) == (400, "scheme_key_mismatch")


SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def test_the_digest_info_of_sha_2_is_not_signed_under_a_hash_that_no_search_finds(
    api: Api, ci: str
) -> None:
    api.signer("release", "rsa-2048", operator="ci")
    raw = {"scheme": "rsa-pkcs1v15", "hash": "none"}
    disguised = base64.b64encode(SHA256_DIGEST_INFO + DIGEST).decode()
    answer = api.sign("release", ci, **raw, digest=disguised)
    assert (answer.status_code, answer.json["field"]) == (400, "hash")
    assert "send hash sha256 and the last 32 octets" in answer.json["title"]
    assert api.rows(kind="sign") == []
    no_digest_info = base64.b64encode(SHA256_DIGEST_INFO + DIGEST[1:]).decode()
    assert api.sign("release", ci, **raw, digest=no_digest_info).status_code == 200


def test_a_retry_gives_the_same_signature_and_no_further_row(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    headers = {"Idempotency-Key": "one"}
    first = api.sign("release", ci, headers=headers)
    second = api.sign("release", ci, headers=headers, client={"tool": "another"})
    assert first.json == second.json
    assert len(api.rows(kind="sign")) == 1


def test_an_idempotency_key_for_other_content_is_a_conflict(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    headers = {"Idempotency-Key": "one"}
    api.sign("release", ci, headers=headers)
    other = base64.b64encode(bytes(32)).decode()
    answer = api.sign("release", ci, headers=headers, digest=other)
    assert (answer.status_code, answer.json["code"]) == (409, "idempotency_conflict")
    assert [row["outcome"] for row in api.rows(kind="sign")] == ["denied", "succeeded"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "a\tb"])
def test_a_malformed_idempotency_key_is_refused(api: Api, ci: str, key: str) -> None:
    api.signer("release", operator="ci")
    answer = api.sign("release", ci, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("prefix", ["swk_", "swe_", "swt_"])
def test_an_api_key_is_no_idempotency_key_and_reaches_no_row(
    api: Api, ci: str, prefix: str
) -> None:
    api.signer("release", operator="ci")
    answer = api.sign("release", ci, headers={"Idempotency-Key": f"build:{prefix}{ci[4:]}"})
    assert (answer.status_code, answer.json["field"]) == (400, "Idempotency-Key")
    assert "holds an API key" in answer.json["title"]
    assert ci[4:] not in answer.text
    assert api.rows(kind="sign") == []


def test_who_is_no_member_is_told_nothing_and_recorded(api: Api, ci: str) -> None:
    api.signer("release")
    answer = api.sign("release", ci)
    unknown = api.sign("nothing", ci)
    assert answer.status_code == unknown.status_code == 404
    assert [(row["outcome"], row["reason"]) for row in api.rows(kind="sign")] == [
        ("denied", "not_a_member"),
        ("denied", "not_a_member"),
    ]


def test_another_certificate_than_the_callers_is_a_conflict(api: Api, ci: str) -> None:
    old = api.signer("release", operator="ci")["certificate_serial"]
    api.post("/v1/signers/release/renew", {})
    answer = api.sign("release", ci, certificate_serial=old)
    assert (answer.status_code, answer.json["code"]) == (409, "certificate_changed")


def test_a_disabled_signer_does_not_sign(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    api.post("/v1/signers/release/disable")
    answer = api.sign("release", ci)
    assert (answer.status_code, answer.json["code"]) == (403, "signer_disabled")


def test_an_auditor_does_not_sign(api: Api, ci: str) -> None:
    api.signer("release")
    api.post("/v1/signers/release/members", {"identity": "ci", "role": "auditor"})
    answer = api.sign("release", ci)
    assert (answer.status_code, answer.json["code"]) == (403, "role_cannot_sign")


def test_a_revoked_key_that_calls_to_sign_leaves_a_row(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    (key,) = api.get("/v1/identities/ci").json["keys"]
    api.post(f"/v1/identities/ci/keys/{key['id']}/revoke")
    assert api.sign("release", ci).status_code == 401
    (row,) = api.rows(kind="sign")
    assert (row["actor"], row["outcome"], row["reason"], row["signer"]) == (
        "ci",
        "denied",
        "api_key_revoked",
        "release",
    )


def test_a_disabled_identity_that_calls_to_sign_leaves_a_row(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    api.post("/v1/identities/ci/disable")
    assert api.sign("release", ci).status_code == 401
    (row,) = api.rows(kind="sign")
    assert (row["actor"], row["reason"]) == ("ci", "identity_disabled")


def test_an_unknown_key_leaves_no_row(api: Api) -> None:
    api.signer("release")
    assert api.sign("release", "swk_" + "x" * 43).status_code == 401
    assert api.rows(kind="sign") == []


def test_secrets_in_what_a_client_says_are_not_kept(api: Api, ci: str) -> None:
    api.signer("release", operator="ci")
    api.sign("release", ci, client={"command": f"jarsigner -storepass hunter2 -x {ci} a.jar"})
    (row,) = api.rows(kind="sign")
    assert "hunter2" not in row["client"]["command"]
    assert ci not in row["client"]["command"]
    assert "a.jar" in row["client"]["command"]
