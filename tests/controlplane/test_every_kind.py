"""What every kind of key does alike: a row in the table of kinds is tested by being there."""

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from controlplane.algorithms.kinds import KeyAlgorithm, Scheme
from tests.controlplane.conftest import Api
from tests.kinds import MESSAGE, a_body_with, schemes_of, verify


@pytest.mark.parametrize("key", list(KeyAlgorithm))
def test_signs_with_all_its_schemes_and_with_no_other(api: Api, key: KeyAlgorithm) -> None:
    ci = api.machine("ci")
    assert api.signer("release", key.value, operator="ci")["key"] == key
    (listed,) = api.get("/v1/catalogue", key=ci).json["signers"]
    assert listed["key"] == key
    spki = base64.b64decode(listed["public_key"])
    leaf = x509.load_der_x509_certificate(base64.b64decode(listed["certificate"]))
    form = PublicFormat.SubjectPublicKeyInfo
    assert leaf.public_key().public_bytes(Encoding.DER, form) == spki

    assert schemes_of(key)
    for scheme in Scheme:
        body = a_body_with(scheme)
        headers = {"Idempotency-Key": f"call-{scheme}"}
        answer = api.post("/v1/signers/release/sign", body, key=ci, headers=headers)
        row = api.rows(kind="sign")[0]
        assert (row["scheme"], row["hash"]) == (scheme, body["hash"])
        if scheme not in schemes_of(key):
            assert (answer.status_code, answer.json["code"]) == (400, "scheme_key_mismatch")
            assert key in answer.json["title"]
            continue
        assert answer.status_code == 200, answer.text
        verify(load_der_public_key(spki), scheme, base64.b64decode(answer.json["signature"]))
        hash_ = scheme.rules.message_hash or "sha256"
        assert base64.b64decode(row["digest"]) == hashlib.new(hash_, MESSAGE).digest()
        again = api.post("/v1/signers/release/sign", body, key=ci, headers=headers)
        assert again.json == answer.json
        assert api.rows(kind="sign")[0] == row


def test_the_document_names_all_of_them(api: Api) -> None:
    schemas = api.document["components"]["schemas"]
    assert schemas["KeyAlgorithm"]["enum"] == sorted(KeyAlgorithm)
    assert schemas["Scheme"]["enum"] == sorted(Scheme)
