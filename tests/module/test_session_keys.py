"""Public keys that a session makes, to verify with, and that go with it."""

import hashlib
import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealwright import _native
from sealwright.cryptoki import CKA, CKG, CKK, CKM, CKO, CKR, UNAVAILABLE_INFORMATION
from sealwright.pkcs11 import (
    Module,
    Object,
    Pkcs11Error,
    Session,
    Value,
    pss,
    return_value,
    template,
)
from tests.module.known_keys import values_of
from tests.module.providers import CURVES, Provider, public_key
from tests.module.test_processes import in_child

DATA = b"data"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEYS = {name: ec.generate_private_key(curve) for name, (_, curve) in CURVES.items()}
EC_KEY = EC_KEYS["p256"]
RSA_VALUES = values_of(RSA_KEY.public_key())
EC_VALUES = values_of(EC_KEY.public_key())

Values = dict[int, Value | None]

ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
ED25519_POINT = ED25519_KEY.public_key().public_bytes_raw()
ED25519_VALUES: Values = {
    CKA.CLASS: CKO.PUBLIC_KEY,
    CKA.KEY_TYPE: CKK.EC_EDWARDS,
    CKA.EC_PARAMS: bytes([0x13, 12]) + b"edwards25519",
    CKA.EC_POINT: bytes([4, 32]) + ED25519_POINT,
}


def create(session: Session, values: Values) -> tuple[int, Object]:
    rv, handle = session.module.native.create_object(session.handle, template(values))
    return return_value(rv), Object(session, handle)


def made(session: Session, values: Values) -> Object:
    rv, key = create(session, values)
    assert rv == CKR.OK
    return key


def seen_by(session: Session, key: Object) -> Object:
    return Object(session, key.handle)


def read(key: Object) -> int:
    """What an attempt to read it returns."""
    try:
        key.get(CKA.CLASS)
    except Pkcs11Error as refusal:
        return refusal.rv
    return CKR.OK


def destroy(session: Session, key: Object) -> int:
    return return_value(session.module.native.destroy_object(session.handle, key.handle))


def ecdsa(key: ec.EllipticCurvePrivateKey, data: bytes = DATA) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    length = (key.key_size + 7) // 8
    return r.to_bytes(length) + s.to_bytes(length)


@pytest.fixture
def session(provider: Provider) -> Iterator[Session]:
    """On an EC token; what keys a session may bring does not hang on the token's own."""
    with provider.open("p256") as opened:
        yield opened


@pytest.fixture
def ours(sealwright: Provider) -> Iterator[Session]:
    with sealwright.open("p256") as opened:
        yield opened


def test_a_key_from_elsewhere_verifies_rsa_signatures(session: Session) -> None:
    key = made(session, RSA_VALUES)
    pkcs1 = RSA_KEY.sign(DATA, padding.PKCS1v15(), hashes.SHA256())
    session.verify(CKM.SHA256_RSA_PKCS, key, DATA, pkcs1)
    in_pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    mechanism = pss(CKM.SHA256_RSA_PKCS_PSS, CKM.SHA256, CKG.MGF1_SHA256, 32)
    session.verify(mechanism, key, DATA, RSA_KEY.sign(DATA, in_pss, hashes.SHA256()))
    with pytest.raises(Pkcs11Error, match="CKR_SIGNATURE_INVALID"):
        session.verify(CKM.SHA256_RSA_PKCS, key, b"other", pkcs1)


@pytest.mark.parametrize("curve", CURVES)
def test_a_key_from_elsewhere_verifies_ecdsa_signatures(sealwright: Provider, curve: str) -> None:
    private = EC_KEYS[curve]
    with sealwright.open("rsa-2048") as session:
        key = made(session, values_of(private.public_key()))
        session.verify(CKM.ECDSA_SHA256, key, DATA, ecdsa(private))
        with pytest.raises(Pkcs11Error, match="CKR_SIGNATURE_INVALID"):
            session.verify(CKM.ECDSA_SHA256, key, DATA, ecdsa(private, b"other"))


@pytest.mark.parametrize("form", [PublicFormat.UncompressedPoint, PublicFormat.CompressedPoint])
@pytest.mark.parametrize("curve", CURVES)
def test_a_point_may_come_without_its_octet_string(
    ours: Session, curve: str, form: PublicFormat
) -> None:
    public = EC_KEYS[curve].public_key()
    usual = values_of(public)
    key = made(ours, usual | {CKA.EC_POINT: public.public_bytes(Encoding.X962, form)})
    ours.verify(CKM.ECDSA_SHA256, key, DATA, ecdsa(EC_KEYS[curve]))
    assert key[CKA.EC_POINT] == usual[CKA.EC_POINT]


@pytest.mark.parametrize(
    "other",
    [{}, {CKA.EC_PARAMS: bytes.fromhex("06032b6570")}, {CKA.EC_POINT: ED25519_POINT}],
    ids=["as-the-standard-has-it", "curve-by-identifier", "bare-point"],
)
def test_a_key_from_elsewhere_verifies_ed25519_signatures(ours: Session, other: Values) -> None:
    key = made(ours, ED25519_VALUES | other)
    ours.verify(CKM.EDDSA, key, DATA, ED25519_KEY.sign(DATA))
    with pytest.raises(Pkcs11Error, match="CKR_SIGNATURE_INVALID"):
        ours.verify(CKM.EDDSA, key, b"other", ED25519_KEY.sign(DATA))
    standard = {each: ED25519_VALUES[each] for each in (CKA.EC_PARAMS, CKA.EC_POINT)}
    assert key.get(*standard) == tuple(standard.values())


def test_numbers_may_have_leading_zeros(ours: Session) -> None:
    modulus = RSA_VALUES[CKA.MODULUS]
    assert isinstance(modulus, bytes)
    key = made(ours, RSA_VALUES | {CKA.MODULUS: b"\0" + modulus, CKA.PUBLIC_EXPONENT: b"\0\1\0\1"})
    assert key.get(CKA.MODULUS, CKA.PUBLIC_EXPONENT) == (modulus, b"\1\0\1")


def test_it_is_found_by_its_attributes_until_its_session_closes(provider: Provider) -> None:
    label = os.urandom(8).hex()
    wanted: Values = {CKA.CLASS: CKO.PUBLIC_KEY, CKA.LABEL: label}
    with provider.open("p256") as maker, provider.slot("p256").open() as other:
        key = made(maker, EC_VALUES | {CKA.LABEL: label})
        assert [found.handle for found in maker.find(wanted)] == [key.handle]
        assert [found.handle for found in other.find(wanted)] == [key.handle]
        digest = hashlib.sha256(DATA).digest()
        other.verify(CKM.ECDSA, seen_by(other, key), digest, ecdsa(EC_KEY))
    with provider.open("p256") as later:
        assert later.find(wanted) == []
        assert read(seen_by(later, key)) == CKR.OBJECT_HANDLE_INVALID


def test_it_is_gone_with_its_own_session_alone(provider: Provider) -> None:
    with provider.open("p256") as other:
        with provider.slot("p256").open() as maker:
            kept, gone = made(other, EC_VALUES), made(maker, RSA_VALUES)
            assert (read(seen_by(other, gone)), read(kept)) == (CKR.OK, CKR.OK)
        assert (read(seen_by(other, gone)), read(kept)) == (CKR.OBJECT_HANDLE_INVALID, CKR.OK)


def test_it_is_gone_when_all_sessions_close(sealwright: Provider) -> None:
    slot = sealwright.slot("p256")
    with sealwright.open("p384") as elsewhere:
        kept = made(elsewhere, EC_VALUES)
        key = made(slot.open(), EC_VALUES)
        assert slot.module.native.close_all_sessions(slot.number) == CKR.OK
        with slot.open() as later:
            assert read(seen_by(later, key)) == CKR.OBJECT_HANDLE_INVALID
        assert read(kept) == CKR.OK


def test_it_is_gone_with_the_library_and_its_handle_is_nobodys(module: Module) -> None:
    module.initialize()
    key = made(module.slot("p256").open(), EC_VALUES)
    module.finalize()
    module.initialize()
    with module.slot("p256").open() as session:
        assert read(seen_by(session, key)) == CKR.OBJECT_HANDLE_INVALID
        handles = {found.handle for found in session.find()} | {made(session, EC_VALUES).handle}
        assert key.handle not in handles


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_does_not_inherit_it(sealwright: Provider) -> None:
    module = sealwright.module
    with sealwright.open("p256") as session:
        key = made(session, EC_VALUES)

        def child() -> bool:
            module.initialize()
            with module.slot("p256").open() as own:
                gone = read(seen_by(own, key)) == CKR.OBJECT_HANDLE_INVALID
                return gone and made(own, EC_VALUES).handle != key.handle

        assert in_child(child)
        assert read(key) == CKR.OK


def test_another_token_does_not_see_it(sealwright: Provider) -> None:
    with sealwright.open("p256") as session, sealwright.open("p384") as other:
        key = made(session, EC_VALUES | {CKA.LABEL: "mine"})
        assert other.find({CKA.LABEL: "mine"}) == []
        assert read(seen_by(other, key)) == CKR.OBJECT_HANDLE_INVALID
        assert destroy(other, key) == CKR.OBJECT_HANDLE_INVALID
        with pytest.raises(Pkcs11Error, match="CKR_KEY_HANDLE_INVALID"):
            other.verify(CKM.ECDSA_SHA256, seen_by(other, key), DATA, ecdsa(EC_KEY))


def test_it_can_be_destroyed_once_by_any_session_with_the_token(provider: Provider) -> None:
    with provider.open("p256") as maker, provider.slot("p256").open() as other:
        key = made(maker, EC_VALUES)
        assert destroy(other, key) == CKR.OK
        assert read(key) == CKR.OBJECT_HANDLE_INVALID
        assert destroy(maker, key) == CKR.OBJECT_HANDLE_INVALID


def test_a_verification_that_began_outlives_its_key(ours: Session) -> None:
    key, native = made(ours, EC_VALUES), ours.module.native
    mechanism = _native.Mechanism(CKM.ECDSA_SHA256)
    assert native.verify_init(ours.handle, mechanism, key.handle) == CKR.OK
    assert destroy(ours, key) == CKR.OK
    assert native.verify(ours.handle, DATA, ecdsa(EC_KEY)) == CKR.OK


def test_what_the_token_holds_is_not_destroyed(ours: Session) -> None:
    for found in ours.find():
        assert destroy(ours, found) == CKR.ACTION_PROHIBITED
    assert read(public_key(ours)) == CKR.OK


def test_it_signs_nothing(session: Session) -> None:
    key = made(session, EC_VALUES)
    with pytest.raises(Pkcs11Error, match="CKR_KEY_FUNCTION_NOT_PERMITTED"):
        session.sign(CKM.ECDSA_SHA256, key, DATA)


def test_its_attributes_are_those_of_a_public_key_of_a_session(ours: Session) -> None:
    given: Values = {CKA.LABEL: "a key", CKA.ID: b"\1\2", CKA.SUBJECT: b"\x30\0"}
    given |= {CKA.START_DATE: b"20260101", CKA.END_DATE: b""}
    own = public_key(ours)
    key = made(ours, RSA_VALUES | given)
    for flag, value in {
        CKA.TOKEN: False,
        CKA.PRIVATE: False,
        CKA.DESTROYABLE: True,
        CKA.MODIFIABLE: False,
        CKA.COPYABLE: False,
        CKA.LOCAL: False,
        CKA.VERIFY: True,
        CKA.ENCRYPT: False,
        CKA.WRAP: False,
        CKA.TRUSTED: False,
    }.items():
        assert key.flag(flag) == value
    numbers = (CKA.CLASS, CKA.KEY_TYPE, CKA.MODULUS_BITS, CKA.KEY_GEN_MECHANISM)
    values = tuple(key.number(each) for each in numbers)
    assert values == (CKO.PUBLIC_KEY, CKK.RSA, 2048, UNAVAILABLE_INFORMATION)
    assert key.get(*given) == (b"a key", b"\1\2", b"\x30\0", b"20260101", b"")
    spki = RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key[CKA.PUBLIC_KEY_INFO] == spki
    assert key[CKA.UNIQUE_ID] not in (own[CKA.UNIQUE_ID], made(ours, RSA_VALUES)[CKA.UNIQUE_ID])
    assert made(ours, RSA_VALUES).get(CKA.LABEL, CKA.ID, CKA.SUBJECT) == (b"", b"", b"")


WEAK = RSA_VALUES | {CKA.MODULUS: b"\xff" * 128}
NOT_ON_THE_CURVE = bytes([4, 65, 4]) + bytes(63) + b"\1"
POINT = EC_VALUES[CKA.EC_POINT]
assert isinstance(POINT, bytes)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        pytest.param({}, CKR.TEMPLATE_INCOMPLETE, id="nothing"),
        pytest.param(
            RSA_VALUES | {CKA.CLASS: CKO.CERTIFICATE}, CKR.TEMPLATE_INCONSISTENT, id="class"
        ),
        pytest.param(
            RSA_VALUES | {CKA.CLASS: CKO.SECRET_KEY}, CKR.TEMPLATE_INCONSISTENT, id="secret"
        ),
        pytest.param(
            RSA_VALUES | {CKA.CLASS: b"\2"}, CKR.ATTRIBUTE_VALUE_INVALID, id="short-class"
        ),
        pytest.param(RSA_VALUES | {CKA.KEY_TYPE: CKK.DSA}, CKR.TEMPLATE_INCONSISTENT, id="type"),
        pytest.param(RSA_VALUES | {CKA.KEY_TYPE: CKK.EC}, CKR.TEMPLATE_INCOMPLETE, id="other-type"),
        pytest.param(
            EC_VALUES | {CKA.MODULUS: b"\1"}, CKR.TEMPLATE_INCONSISTENT, id="of-other-type"
        ),
        pytest.param(RSA_VALUES | {CKA.PRIVATE: True}, CKR.TEMPLATE_INCONSISTENT, id="private"),
        pytest.param(RSA_VALUES | {CKA.TRUSTED: True}, CKR.TEMPLATE_INCONSISTENT, id="trusted"),
        pytest.param(RSA_VALUES | {CKA.VERIFY: False}, CKR.TEMPLATE_INCONSISTENT, id="no-use"),
        pytest.param(RSA_VALUES | {CKA.ENCRYPT: True}, CKR.TEMPLATE_INCONSISTENT, id="encrypts"),
        pytest.param(RSA_VALUES | {CKA.SIGN: False}, CKR.TEMPLATE_INCONSISTENT, id="of-private"),
        pytest.param(RSA_VALUES | {CKA.VERIFY: b"\2"}, CKR.ATTRIBUTE_VALUE_INVALID, id="no-flag"),
        pytest.param(RSA_VALUES | {CKA.TOKEN: b""}, CKR.ATTRIBUTE_VALUE_INVALID, id="empty-flag"),
        pytest.param(
            RSA_VALUES | {CKA.START_DATE: b"tomorrow"}, CKR.ATTRIBUTE_VALUE_INVALID, id="no-date"
        ),
        pytest.param(RSA_VALUES | {CKA.LOCAL: False}, CKR.ATTRIBUTE_READ_ONLY, id="local"),
        pytest.param(RSA_VALUES | {CKA.UNIQUE_ID: b"1"}, CKR.ATTRIBUTE_READ_ONLY, id="unique"),
        pytest.param(
            RSA_VALUES | {CKA.PUBLIC_KEY_INFO: b"0"}, CKR.TEMPLATE_INCONSISTENT, id="another-key"
        ),
        pytest.param(
            RSA_VALUES | {CKA.MODULUS: bytes(256)}, CKR.ATTRIBUTE_VALUE_INVALID, id="zero"
        ),
        pytest.param(
            RSA_VALUES | {CKA.PUBLIC_EXPONENT: b"\2"}, CKR.ATTRIBUTE_VALUE_INVALID, id="even"
        ),
        pytest.param(
            RSA_VALUES | {CKA.PUBLIC_EXPONENT: b"\1"}, CKR.ATTRIBUTE_VALUE_INVALID, id="one"
        ),
        pytest.param(WEAK, CKR.ATTRIBUTE_VALUE_INVALID, id="weak"),
        pytest.param(
            RSA_VALUES | {CKA.MODULUS: b"\xff" * 1025}, CKR.ATTRIBUTE_VALUE_INVALID, id="large"
        ),
        pytest.param(
            ED25519_VALUES | {CKA.EC_PARAMS: CURVES["p256"][0]},
            CKR.CURVE_NOT_SUPPORTED,
            id="other-curve",
        ),
        pytest.param(
            ED25519_VALUES | {CKA.EC_POINT: ED25519_POINT[:-1]},
            CKR.ATTRIBUTE_VALUE_INVALID,
            id="cut-ed25519",
        ),
        pytest.param(EC_VALUES | {CKA.EC_PARAMS: b""}, CKR.DOMAIN_PARAMS_INVALID, id="no-curve"),
        pytest.param(
            EC_VALUES | {CKA.EC_POINT: NOT_ON_THE_CURVE},
            CKR.ATTRIBUTE_VALUE_INVALID,
            id="off-curve",
        ),
        pytest.param(EC_VALUES | {CKA.EC_POINT: b""}, CKR.ATTRIBUTE_VALUE_INVALID, id="no-point"),
        pytest.param(
            EC_VALUES | {CKA.EC_POINT: POINT[:-1]}, CKR.ATTRIBUTE_VALUE_INVALID, id="cut-point"
        ),
    ],
)
def test_what_cannot_be_is_refused(ours: Session, values: Values, refused: CKR) -> None:
    before = len(ours.find())
    rv, key = create(ours, values)
    assert (rv, key.handle) == (refused, 0)
    assert len(ours.find()) == before


def test_one_attribute_with_two_values_is_refused(ours: Session) -> None:
    twice = template(EC_VALUES)
    twice.add(CKA.LABEL, b"one")
    twice.add(CKA.LABEL, b"other")
    rv, _ = ours.module.native.create_object(ours.handle, twice)
    assert rv == CKR.TEMPLATE_INCONSISTENT
