"""The module's one answer."""

import base64
import hashlib
import itertools

from cryptography import x509

from tests.controlplane.conftest import Api


def test_the_catalogue_has_the_callers_signers_by_number(api: Api) -> None:
    ci = api.machine("ci")
    api.signer("first", operator="ci")
    api.signer("hidden")
    api.signer("second", operator="ci")
    signers = api.get("/v1/catalogue", key=ci).json["signers"]
    assert [(each["name"], each["number"], each["role"]) for each in signers] == [
        ("first", 1, "operator"),
        ("second", 3, "operator"),
    ]
    everything = api.get("/v1/catalogue").json["signers"]
    assert [each["name"] for each in everything] == ["first", "hidden", "second"]


def test_each_issuer_is_there_once_and_in_order(api: Api) -> None:
    api.signer("first")
    api.signer("second")
    catalogue = api.get("/v1/catalogue").json
    issuers = {each["sha256"]: base64.b64decode(each["der"]) for each in catalogue["certificates"]}
    assert len(issuers) == len(catalogue["certificates"]) == 2
    for signer in catalogue["signers"]:
        chain = [base64.b64decode(signer["certificate"])]
        for digest in signer["issuers"]:
            assert hashlib.sha256(issuers[digest]).hexdigest() == digest
            chain.append(issuers[digest])
        parsed = [x509.load_der_x509_certificate(each) for each in chain]
        for child, parent in itertools.pairwise(parsed):
            child.verify_directly_issued_by(parent)
        assert parsed[-1].subject == parsed[-1].issuer


def test_an_unchanged_catalogue_is_not_sent_again(api: Api) -> None:
    api.signer("first")
    etag = api.get("/v1/catalogue").headers["etag"]
    unchanged = api.get("/v1/catalogue", headers={"If-None-Match": f'"other", {etag}'})
    assert unchanged.status_code == 304
    assert unchanged.headers["etag"] == etag
    api.post("/v1/signers/first/disable")
    changed = api.get("/v1/catalogue", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.json["signers"][0]["status"] == "disabled"


def test_etags_differ_between_callers_who_see_different_things(api: Api) -> None:
    ci = api.machine("ci")
    api.signer("first")
    own = api.get("/v1/catalogue", key=ci).headers["etag"]
    assert own != api.get("/v1/catalogue").headers["etag"]
