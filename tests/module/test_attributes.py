"""The attributes of every object: exactly those of the standard, found by each, read whatever else
is asked for."""

import struct
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealwright import _native
from sealwright.cryptoki import CKA, CKK, CKO, CKR, UNAVAILABLE_INFORMATION
from sealwright.pkcs11 import Object, Session, Value
from tests.conftest import KEYS, Environment
from tests.module.foreign_authority import certify
from tests.module.providers import Provider, initialised, type_of
from tests.module.test_objects import date, der_integer, identifier
from tests.server import ControlPlane

STORAGE = {
    *(CKA.CLASS, CKA.TOKEN, CKA.PRIVATE, CKA.MODIFIABLE),
    *(CKA.LABEL, CKA.UNIQUE_ID, CKA.COPYABLE, CKA.DESTROYABLE),
}
KEY = STORAGE | {
    *(CKA.KEY_TYPE, CKA.ID, CKA.START_DATE, CKA.END_DATE, CKA.DERIVE, CKA.LOCAL),
    *(CKA.KEY_GEN_MECHANISM, CKA.ALLOWED_MECHANISMS, CKA.SUBJECT, CKA.PUBLIC_KEY_INFO),
}
PUBLIC = KEY | {
    *(CKA.ENCRYPT, CKA.VERIFY, CKA.VERIFY_RECOVER, CKA.WRAP, CKA.TRUSTED, CKA.WRAP_TEMPLATE),
}
PRIVATE = KEY | {
    *(CKA.SENSITIVE, CKA.DECRYPT, CKA.SIGN, CKA.SIGN_RECOVER, CKA.UNWRAP, CKA.EXTRACTABLE),
    *(CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE, CKA.WRAP_WITH_TRUSTED, CKA.UNWRAP_TEMPLATE),
    CKA.ALWAYS_AUTHENTICATE,
}
CERTIFICATE = STORAGE | {
    *(CKA.CERTIFICATE_TYPE, CKA.TRUSTED, CKA.CERTIFICATE_CATEGORY, CKA.CHECK_VALUE),
    *(CKA.START_DATE, CKA.END_DATE, CKA.PUBLIC_KEY_INFO, CKA.SUBJECT, CKA.ID, CKA.ISSUER),
    *(CKA.SERIAL_NUMBER, CKA.VALUE, CKA.URL, CKA.HASH_OF_SUBJECT_PUBLIC_KEY),
    *(CKA.HASH_OF_ISSUER_PUBLIC_KEY, CKA.JAVA_MIDP_SECURITY_DOMAIN, CKA.NAME_HASH_ALGORITHM),
}
RSA_NUMBERS = {CKA.MODULUS, CKA.PUBLIC_EXPONENT}
CURVE_POINT = {CKA.EC_PARAMS, CKA.EC_POINT}
"""On a private key the point is no attribute of the standard's, but tools read it there."""

SECRETS = {
    CKK.RSA: {
        *(CKA.PRIVATE_EXPONENT, CKA.PRIME_1, CKA.PRIME_2),
        *(CKA.EXPONENT_1, CKA.EXPONENT_2, CKA.COEFFICIENT),
    },
    CKK.EC: {CKA.VALUE},
    CKK.EC_EDWARDS: {CKA.VALUE},
}

EVERY_TYPE = [*range(0x700), *range(0x40000000, 0x40000700), 0x80000000, 2**64 - 1]
"""All that the standard gives a meaning to, and all around."""


def ulong(value: int) -> bytes:
    return struct.pack("@L", value)


def expected_types(found: Object, key: str) -> set[CKA]:
    is_rsa = type_of(key) == CKK.RSA
    match found.number(CKA.CLASS):
        case CKO.PRIVATE_KEY:
            return PRIVATE | (RSA_NUMBERS if is_rsa else CURVE_POINT)
        case CKO.PUBLIC_KEY:
            return PUBLIC | (RSA_NUMBERS | {CKA.MODULUS_BITS} if is_rsa else CURVE_POINT)
        case _:
            return CERTIFICATE


def secrets(found: Object, key: str) -> set[CKA]:
    if found.number(CKA.CLASS) != CKO.PRIVATE_KEY:
        return set()
    return SECRETS[type_of(key)]


def answer_for(found: Object, attribute: int) -> int:
    asked = _native.Template()
    asked.add_room(attribute)
    native, session = found.session.module.native, found.session.handle
    return native.get_attribute_value(session, found.handle, asked)


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> str:
    """The name of the signer whose objects are looked at."""
    return str(request.param)


@pytest.fixture
def session(sealwright: Provider, key: str) -> Iterator[Session]:
    with sealwright.open(key) as opened:
        yield opened


@pytest.fixture
def values(session: Session, key: str) -> dict[int, dict[int, bytes]]:
    """Every attribute of every object, by handle."""
    return {
        found.handle: {attribute: found[attribute] for attribute in expected_types(found, key)}
        for found in session.find()
    }


def test_each_object_has_exactly_the_attributes_of_its_class(session: Session, key: str) -> None:
    for found in session.find():
        answers = {attribute: answer_for(found, attribute) for attribute in EVERY_TYPE}
        told = {attribute for attribute, rv in answers.items() if rv == CKR.OK}
        kept = {attribute for attribute, rv in answers.items() if rv == CKR.ATTRIBUTE_SENSITIVE}
        assert told == expected_types(found, key)
        assert kept == secrets(found, key)
        others = {rv for rv in answers.values() if rv not in (CKR.OK, CKR.ATTRIBUTE_SENSITIVE)}
        assert others == {CKR.ATTRIBUTE_TYPE_INVALID}


def holders(values: Mapping[int, Mapping[int, bytes]], match: Mapping[int, bytes]) -> list[int]:
    return [
        handle
        for handle, has in values.items()
        if all(has.get(attribute) == value for attribute, value in match.items())
    ]


def found_by(session: Session, match: Mapping[int, Value | None]) -> list[int]:
    return [found.handle for found in session.find(match)]


def test_an_object_is_found_by_each_of_its_attributes(
    session: Session, values: dict[int, dict[int, bytes]]
) -> None:
    for handle, has in values.items():
        for attribute, value in has.items():
            match = {attribute: value}
            assert found_by(session, match) == holders(values, match)
            assert handle in holders(values, match)


def test_an_object_is_found_by_any_two_of_its_attributes(
    session: Session, values: dict[int, dict[int, bytes]]
) -> None:
    for has in values.values():
        for one, other in combinations(has, 2):
            match = {one: has[one], other: has[other]}
            assert found_by(session, match) == holders(values, match)


def test_an_object_is_found_by_all_of_its_attributes_and_no_other_is(
    session: Session, values: dict[int, dict[int, bytes]]
) -> None:
    for handle, has in values.items():
        assert found_by(session, has) == [handle]
        for attribute, value in has.items():
            assert found_by(session, has | {attribute: value + b"\0"}) == []


def test_a_value_of_another_length_or_content_finds_what_has_it(
    session: Session, values: dict[int, dict[int, bytes]]
) -> None:
    for has in values.values():
        for attribute, value in has.items():
            others = [value + b"\0", value * 2, value[:-1], value[1:], b"", bytes(len(value))]
            if value:
                others.append(value[:-1] + bytes([value[-1] ^ 1]))
            for other in others:
                match = {attribute: other}
                assert found_by(session, match) == holders(values, match)
            nothing: dict[int, Value | None] = {attribute: None}
            assert found_by(session, nothing) == holders(values, {attribute: b""})


def test_nothing_is_found_by_a_secret_or_an_unknown_attribute(session: Session) -> None:
    everything = {secret for kind in SECRETS.values() for secret in kind} - {CKA.VALUE}
    for attribute in (*everything, CKA.VALUE_LEN, 0x80000001):
        for value in (None, b"", b"\0", bytes(32)):
            assert found_by(session, {attribute: value}) == []
    (private,) = session.find({CKA.CLASS: CKO.PRIVATE_KEY})
    for value in (None, b""):
        assert found_by(session, {CKA.CLASS: CKO.PRIVATE_KEY, CKA.VALUE: value}) == []
        assert found_by(session, {CKA.CLASS: CKO.PRIVATE_KEY, CKA.ID: private[CKA.ID]}) == [
            private.handle
        ]


def test_what_cannot_be_told_keeps_nothing_else_back(
    session: Session, key: str, values: dict[int, dict[int, bytes]]
) -> None:
    """An unknown attribute, a secret and too little room before, between and after the others."""
    native = session.module.native
    for found in session.find():
        has = values[found.handle]
        room = _native.Template()
        for attribute, value in has.items():
            room.add_room(CKA.VALUE_LEN, 8)
            room.add_room(attribute, len(value))
            room.add_room(CKA.CLASS, 7)
            for secret in secrets(found, key):
                room.add_room(secret, 1024)
            room.add_room(attribute)
        rv = native.get_attribute_value(session.handle, found.handle, room)
        assert rv in (CKR.ATTRIBUTE_TYPE_INVALID, CKR.BUFFER_TOO_SMALL, CKR.ATTRIBUTE_SENSITIVE)
        assert not room.overrun
        step = 4 + len(secrets(found, key))
        for place, value in enumerate(has.values()):
            lengths = [room.length(place * step + offset) for offset in range(step)]
            refused = [UNAVAILABLE_INFORMATION] * (step - 3)
            assert lengths == [UNAVAILABLE_INFORMATION, len(value), *refused, len(value)]
            assert room.value(place * step + 1) == value


def test_each_attribute_is_told_its_length_and_fits_in_it(
    session: Session, values: dict[int, dict[int, bytes]]
) -> None:
    native = session.module.native
    for handle, has in values.items():
        for attribute, value in has.items():
            for capacity in (None, 0, len(value) - 1, len(value), len(value) + 1, 4096):
                if capacity is not None and capacity < 0:
                    continue
                room = _native.Template()
                room.add_room(attribute, capacity)
                rv = native.get_attribute_value(session.handle, handle, room)
                if capacity is not None and capacity < len(value):
                    assert (rv, room.length(0)) == (CKR.BUFFER_TOO_SMALL, UNAVAILABLE_INFORMATION)
                else:
                    assert (rv, room.length(0)) == (CKR.OK, len(value))
                if capacity is not None and capacity >= len(value):
                    assert room.value(0) == value
                assert not room.overrun


@pytest.fixture
def foreign(
    control_plane: ControlPlane, environment: Environment, module_file: Path
) -> Iterator[tuple[Session, list[x509.Certificate]]]:
    """A token whose chain another authority made, with all that X.509 allows; and that chain."""
    admin = control_plane.client()
    name = f"foreign-{admin.operations_head().value.sequence}"
    api_key = control_plane.create_machine(name)
    admin.create_signer(name, "p256", "ACME", external=True)
    admin.add_member(name, name, "operator")
    chain = certify(admin.signing_request(name).value.csr.encode())
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    admin.install_certificate(name, pem.decode())
    environment.set(url=control_plane.url, api_key=api_key)
    with initialised(module_file) as module, module.slot(name).open() as opened:
        yield opened, chain


def test_a_foreign_chain_is_told_as_it_was_made(
    foreign: tuple[Session, list[x509.Certificate]],
) -> None:
    """Subjects without a common name or with two, in several encodings; serials of one octet and
    of twenty; an end beyond 2049, which X.509 writes in another way."""
    session, chain = foreign
    told = [
        found.get(
            *(CKA.VALUE, CKA.SUBJECT, CKA.ISSUER, CKA.SERIAL_NUMBER, CKA.ID),
            *(CKA.START_DATE, CKA.END_DATE, CKA.LABEL),
        )
        for found in session.find({CKA.CLASS: CKO.CERTIFICATE})
    ]
    label = session.find({CKA.CLASS: CKO.PRIVATE_KEY})[0].label
    labels = [label, "Zwischenstelle Köln", "OU=Prüfung,O=Österreich\\, Wien,C=AT"]
    assert told == [
        (
            certificate.public_bytes(Encoding.DER),
            certificate.subject.public_bytes(),
            certificate.issuer.public_bytes(),
            der_integer(certificate.serial_number),
            identifier(certificate),
            date(certificate.not_valid_before_utc),
            date(certificate.not_valid_after_utc),
            label.encode(),
        )
        for certificate, label in zip(chain, labels, strict=True)
    ]
    root = chain[-1]
    assert root.not_valid_after_utc.year == 2075
    assert [len(der_integer(each.serial_number)) for each in chain] == [22, 4, 3]


def test_each_object_of_a_token_has_an_id_of_its_own_that_stays(
    sealwright: Provider, key: str
) -> None:
    def ids() -> dict[tuple[int, bytes], str]:
        with sealwright.open(key) as session:
            found = session.find()
            return {
                (each.number(CKA.CLASS), each.label.encode()): unique_id(each) for each in found
            }

    first = ids()
    assert len(set(first.values())) == len(first) > 3
    sealwright.module.finalize()
    sealwright.module.initialize()
    assert ids() == first


def unique_id(found: Object) -> str:
    """CKA_UNIQUE_ID (PKCS#11 v3.0 §4.4): printable text, by which nothing else is found."""
    value = found[CKA.UNIQUE_ID]
    assert [each.handle for each in found.session.find({CKA.UNIQUE_ID: value})] == [found.handle]
    return value.decode("ascii")
