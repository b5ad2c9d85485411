"""The objects of a token, attribute by attribute, against what `cryptography` reads."""

import hashlib
import struct
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from sealwright.cryptoki import CKA, CKC, CKK, CKM, CKO, CKR
from sealwright.pkcs11 import Object, Pkcs11Error, Session
from tests.conftest import KEYS
from tests.module.providers import CURVES, EDWARDS25519, Provider, PublicKey, type_of
from tests.module.test_tokens import DIGESTS, MECHANISMS
from tests.server import ControlPlane

YES, NO = b"\x01", b"\x00"
Attributes = dict[CKA, bytes]
SECRETS = {
    CKK.RSA: [
        *(CKA.PRIVATE_EXPONENT, CKA.PRIME_1, CKA.PRIME_2),
        *(CKA.EXPONENT_1, CKA.EXPONENT_2, CKA.COEFFICIENT),
    ],
    CKK.EC: [CKA.VALUE],
    CKK.EC_EDWARDS: [CKA.VALUE],
}
GENERATION = {
    CKK.RSA: CKM.RSA_PKCS_KEY_PAIR_GEN,
    CKK.EC: CKM.EC_KEY_PAIR_GEN,
    CKK.EC_EDWARDS: CKM.EC_EDWARDS_KEY_PAIR_GEN,
}


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> str:
    """The name of the signer whose objects are read."""
    return str(request.param)


@pytest.fixture
def session(sealwright: Provider, key: str) -> Iterator[Session]:
    with sealwright.open(key) as opened:
        yield opened


@pytest.fixture
def chain(control_plane: ControlPlane, session: Session, key: str) -> list[x509.Certificate]:
    """As the control plane gives it: leaf first, root last."""
    answer = control_plane.client().certificate(key).value
    return [
        x509.load_pem_x509_certificate(pem.encode()) for pem in [answer.certificate, *answer.chain]
    ]


def ulong(value: int) -> bytes:
    return struct.pack("@L", value)


def date(moment: datetime) -> bytes:
    return moment.strftime("%Y%m%d").encode()


def spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_of(certificate: x509.Certificate) -> PublicKey:
    key = certificate.public_key()
    assert isinstance(key, PublicKey)
    return key


def identifier(certificate: x509.Certificate) -> bytes:
    """SHA-1 of the public key bits, RFC 5280 §4.2.1.2 (1)."""
    return x509.SubjectKeyIdentifier.from_public_key(key_of(certificate)).digest


def der_integer(number: int) -> bytes:
    octets = number.to_bytes(number.bit_length() // 8 + 1)
    return bytes([0x02, len(octets)]) + octets


def der_octet_string(octets: bytes) -> bytes:
    length = [len(octets)] if len(octets) < 0x80 else [0x81, len(octets)]
    return bytes([0x04, *length]) + octets


def read(found: Object, expected: Attributes) -> Attributes:
    """The same attributes as the object has them, each asked for alone and all at once."""
    alone = {attribute: found[attribute] for attribute in expected}
    together = dict(zip(expected, found.get(*expected), strict=True))
    assert alone == together
    return alone


def storage(kind: CKO, label: str) -> Attributes:
    return {
        CKA.CLASS: ulong(kind),
        CKA.TOKEN: YES,
        CKA.PRIVATE: NO,
        CKA.LABEL: label.encode(),
        CKA.MODIFIABLE: NO,
        CKA.COPYABLE: NO,
        CKA.DESTROYABLE: NO,
    }


def key_attributes(leaf: x509.Certificate, key: str) -> Attributes:
    kind = type_of(key)
    return {
        CKA.KEY_TYPE: ulong(kind),
        CKA.ID: identifier(leaf),
        CKA.SUBJECT: leaf.subject.public_bytes(),
        CKA.START_DATE: b"",
        CKA.END_DATE: b"",
        CKA.DERIVE: NO,
        CKA.LOCAL: YES,
        CKA.KEY_GEN_MECHANISM: ulong(GENERATION[kind]),
        CKA.ALLOWED_MECHANISMS: b"".join(
            ulong(mechanism) for mechanism in MECHANISMS[kind] if mechanism not in DIGESTS
        ),
        CKA.PUBLIC_KEY_INFO: spki(key_of(leaf)),
    }


def numbers(leaf: x509.Certificate, curve: str) -> Attributes:
    public = key_of(leaf)
    if isinstance(public, rsa.RSAPublicKey):
        values = public.public_numbers()
        return {
            CKA.MODULUS: values.n.to_bytes(public.key_size // 8),
            CKA.PUBLIC_EXPONENT: b"\x01\x00\x01",
        }
    if isinstance(public, ed25519.Ed25519PublicKey):
        point = der_octet_string(public.public_bytes_raw())
        return {CKA.EC_PARAMS: EDWARDS25519, CKA.EC_POINT: point}
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {CKA.EC_PARAMS: CURVES[curve][0], CKA.EC_POINT: der_octet_string(point)}


def test_a_token_holds_a_pair_of_keys_and_the_whole_chain(
    session: Session, chain: list[x509.Certificate]
) -> None:
    classes = [found.number(CKA.CLASS) for found in session.find()]
    assert classes == [CKO.PRIVATE_KEY, CKO.PUBLIC_KEY, *[CKO.CERTIFICATE] * 3]
    certificates = session.find({CKA.CLASS: CKO.CERTIFICATE})
    assert [found[CKA.VALUE] for found in certificates] == [
        each.public_bytes(Encoding.DER) for each in chain
    ]


def test_the_private_key(session: Session, chain: list[x509.Certificate], key: str) -> None:
    expected = (
        storage(CKO.PRIVATE_KEY, key) | key_attributes(chain[0], key) | numbers(chain[0], key)
    )
    expected |= {
        CKA.SENSITIVE: YES,
        CKA.DECRYPT: NO,
        CKA.SIGN: YES,
        CKA.SIGN_RECOVER: NO,
        CKA.UNWRAP: NO,
        CKA.EXTRACTABLE: NO,
        CKA.ALWAYS_SENSITIVE: YES,
        CKA.NEVER_EXTRACTABLE: YES,
        CKA.WRAP_WITH_TRUSTED: NO,
        CKA.UNWRAP_TEMPLATE: b"",
        CKA.ALWAYS_AUTHENTICATE: NO,
    }
    found = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})
    assert read(found, expected) == expected
    for secret in SECRETS[type_of(key)]:
        with pytest.raises(Pkcs11Error) as refused:
            found[secret]
        assert refused.value.rv == CKR.ATTRIBUTE_SENSITIVE


def test_the_public_key(session: Session, chain: list[x509.Certificate], key: str) -> None:
    expected = storage(CKO.PUBLIC_KEY, key) | key_attributes(chain[0], key) | numbers(chain[0], key)
    expected |= {
        CKA.ENCRYPT: NO,
        CKA.VERIFY: YES,
        CKA.VERIFY_RECOVER: NO,
        CKA.WRAP: NO,
        CKA.TRUSTED: NO,
        CKA.WRAP_TEMPLATE: b"",
    }
    if type_of(key) == CKK.RSA:
        expected[CKA.MODULUS_BITS] = ulong(int(key[4:]))
    found = session.find_one({CKA.CLASS: CKO.PUBLIC_KEY})
    assert read(found, expected) == expected


def test_the_certificates(session: Session, chain: list[x509.Certificate], key: str) -> None:
    for position, certificate in enumerate(chain):
        der = certificate.public_bytes(Encoding.DER)
        is_leaf = position == 0
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        expected = storage(CKO.CERTIFICATE, key if is_leaf else str(name.value)) | {
            CKA.CERTIFICATE_TYPE: ulong(CKC.X_509),
            CKA.TRUSTED: NO,
            CKA.CERTIFICATE_CATEGORY: ulong(1 if is_leaf else 2),
            CKA.CHECK_VALUE: hashlib.sha1(der, usedforsecurity=False).digest()[:3],
            CKA.START_DATE: date(certificate.not_valid_before_utc),
            CKA.END_DATE: date(certificate.not_valid_after_utc),
            CKA.PUBLIC_KEY_INFO: spki(key_of(certificate)),
            CKA.SUBJECT: certificate.subject.public_bytes(),
            CKA.ID: identifier(certificate),
            CKA.ISSUER: certificate.issuer.public_bytes(),
            CKA.SERIAL_NUMBER: der_integer(certificate.serial_number),
            CKA.VALUE: der,
            CKA.URL: b"",
            CKA.HASH_OF_SUBJECT_PUBLIC_KEY: b"",
            CKA.HASH_OF_ISSUER_PUBLIC_KEY: b"",
            CKA.JAVA_MIDP_SECURITY_DOMAIN: ulong(0),
            CKA.NAME_HASH_ALGORITHM: ulong(CKM.SHA_1),
        }
        found = session.find_one({CKA.CLASS: CKO.CERTIFICATE, CKA.VALUE: der})
        assert read(found, expected) == expected


def test_the_chain_is_found_by_subject(session: Session, chain: list[x509.Certificate]) -> None:
    """As Java builds it."""
    for certificate, issuer in pairwise(chain):
        subject = certificate.issuer.public_bytes()
        found = session.find_one({CKA.CLASS: int(CKO.CERTIFICATE), CKA.SUBJECT: subject})
        assert found[CKA.VALUE] == issuer.public_bytes(Encoding.DER)


def test_the_key_is_found_by_issuer_and_serial_of_its_certificate(
    session: Session, chain: list[x509.Certificate]
) -> None:
    """As NSS finds it."""
    certificate = session.find_one(
        {
            CKA.ISSUER: chain[0].issuer.public_bytes(),
            CKA.SERIAL_NUMBER: der_integer(chain[0].serial_number),
        }
    )
    key = session.find_one({CKA.CLASS: int(CKO.PRIVATE_KEY), CKA.ID: certificate[CKA.ID]})
    assert key.flag(CKA.SIGN)


def test_an_attribute_of_no_class_is_refused(session: Session) -> None:
    for found in session.find():
        with pytest.raises(Pkcs11Error) as refused:
            found[0x400]  # CKA_PIXEL_X, of hardware features
        assert refused.value.rv == CKR.ATTRIBUTE_TYPE_INVALID


def test_handles_stay_the_same_across_sessions(sealwright: Provider, session: Session) -> None:
    before = [found.handle for found in session.find()]
    label = session.find_one({CKA.CLASS: CKO.PUBLIC_KEY}).label
    with sealwright.open(label) as other:
        assert [found.handle for found in other.find()] == before


def test_objects_of_another_token_cannot_be_read(sealwright: Provider) -> None:
    with sealwright.open("p256") as session, sealwright.open("p384") as other:
        foreign = Object(session, other.find()[0].handle)
        with pytest.raises(Pkcs11Error) as refused:
            foreign[CKA.LABEL]
        assert refused.value.rv == CKR.OBJECT_HANDLE_INVALID
