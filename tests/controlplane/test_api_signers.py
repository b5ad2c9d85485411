"""Signers, their certificates and their members over HTTP."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.controlplane.conftest import Api


def test_a_new_signer_is_active_and_has_a_chain(api: Api) -> None:
    made = api.signer("release")
    assert (made["number"], made["status"], made["policy"], made["role"]) == (
        1,
        "active",
        None,
        None,
    )
    answer = api.get("/v1/signers/release/certificate").json
    leaf = x509.load_pem_x509_certificate(answer["certificate"].encode())
    assert format(leaf.serial_number, "x") == answer["serial"].lstrip("0")
    assert len(answer["chain"]) == 2
    assert api.get("/v1/ca/certificate").json["chain"].split() == "\n".join(answer["chain"]).split()


def test_a_weak_key_is_a_warning(api: Api) -> None:
    assert any("2048" in warning for warning in api.signer("old", "rsa-2048")["warnings"])


@pytest.mark.parametrize(
    ("different", "field"),
    [
        ({"name": "Release"}, "name"),
        ({"name": "-release"}, "name"),
        ({"name": "r" * 33}, "name"),
        ({"key": "rsa-1024"}, "key"),
        ({"days": 461}, "days"),
        ({"days": 0}, "days"),
        ({"common_name": ""}, "common_name"),
        ({"organization": "x" * 65}, "organization"),
        ({"unit": "x" * 65}, "unit"),
        ({"locality": "x" * 129}, "locality"),
        ({"country": "de"}, "country"),
    ],
)
def test_what_is_wrong_with_a_signer_is_named(
    api: Api, different: dict[str, object], field: str
) -> None:
    body = {"name": "release", "key": "p256", "common_name": "ACME"} | different
    answer = api.post("/v1/signers", body)
    assert (answer.status_code, answer.json["field"]) == (400, field)


def test_who_is_no_member_does_not_see_a_signer(api: Api) -> None:
    key = api.machine("ci")
    api.signer("release")
    assert api.get("/v1/signers", key=key).json["items"] == []
    assert api.get("/v1/signers/release", key=key).status_code == 404


def test_disable_and_enable(api: Api) -> None:
    api.signer("release")
    assert api.post("/v1/signers/release/disable").json["status"] == "disabled"
    assert api.post("/v1/signers/release/enable", {}).json["status"] == "active"


def test_renewal_makes_a_new_certificate(api: Api) -> None:
    before = api.signer("release")["certificate_serial"]
    renewed = api.post("/v1/signers/release/renew", {"days": 30})
    assert renewed.status_code == 200
    assert renewed.json["certificate_serial"] != before


def test_a_deleted_name_is_never_given_again(api: Api) -> None:
    api.signer("release")
    api.post("/v1/signers/release/disable")
    gone = api.call("DELETE", "/v1/signers/release", params={"after_seconds": "0"})
    assert (gone.status_code, gone.json["status"]) == (200, "deleting")
    assert api.get("/v1/signers/release").status_code == 404
    body = {"name": "release", "key": "p256", "common_name": "ACME"}
    assert api.post("/v1/signers", body).status_code == 409
    assert api.signer("other")["number"] == 2


def test_members_are_added_changed_and_removed(api: Api) -> None:
    api.machine("ci")
    api.signer("release")
    path = "/v1/signers/release/members"
    added = api.post(path, {"identity": "ci", "role": "operator"})
    assert (added.status_code, added.json["role"]) == (201, "operator")
    changed = api.post(path, {"identity": "ci", "role": "auditor"})
    assert (changed.status_code, changed.json["role"]) == (200, "auditor")
    (only,) = api.get(path).json["items"]
    assert (only["identity"], only["signer"]) == ("ci", "release")
    assert api.call("DELETE", f"{path}/ci").status_code == 204
    assert api.get(path).json["items"] == []


def test_an_external_signer_gets_its_certificate_from_elsewhere(api: Api) -> None:
    body = {"name": "outside", "key": "p256", "common_name": "ACME", "external": True}
    made = api.post("/v1/signers", body)
    assert (made.status_code, made.json["status"]) == (201, "pending")
    early = api.get("/v1/signers/outside/certificate")
    assert (early.status_code, early.json["code"]) == (409, "signer_pending")
    csr = x509.load_pem_x509_csr(api.get("/v1/signers/outside/csr").json["csr"].encode())
    refused = api.post("/v1/signers/outside/certificate", {"chain": "nonsense"})
    assert (refused.status_code, refused.json["field"]) == (400, "chain")
    installed = api.post("/v1/signers/outside/certificate", {"chain": _issue(csr)})
    assert installed.status_code == 200, installed.text
    assert installed.json["status"] == "active"


def _issue(csr: x509.CertificateSigningRequest) -> str:
    """PEM of a leaf for this request and of the root that issued it."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Outside Root")])
    now = datetime.datetime.now(datetime.UTC)
    certificates = []
    for subject, public, is_ca in ((csr.subject, csr.public_key(), False), (name, None, True)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(
                public if isinstance(public, ec.EllipticCurvePublicKey) else key.public_key()
            )
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
        )
        if is_ca:
            builder = builder.add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            ).add_extension(_usage(certify=True), critical=True)
        else:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            ).add_extension(_usage(certify=False), critical=True)
        certificates.append(builder.sign(key, hashes.SHA384()))
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def _usage(*, certify: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certify,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certify,
        crl_sign=certify,
        encipher_only=False,
        decipher_only=False,
    )
