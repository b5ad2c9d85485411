"""PKCS#11 v2.40 §5.7: C_FindObjects…, C_GetAttributeValue: what any module does."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from sealwright import _native
from sealwright.cryptoki import CKA, CKK, CKO, CKR, UNAVAILABLE_INFORMATION
from sealwright.pkcs11 import Pkcs11Error, Value, template
from tests.conftest import KEYS
from tests.module.providers import (
    CURVES,
    Provider,
    PublicKey,
    private_key,
    public_key,
    read_public_key,
    type_of,
)

MADE_UP_CLASS = 0x80000000 + 4711
SIZES = {
    **{key: int(key[4:]) for key in KEYS if type_of(key) == CKK.RSA},
    **{key: curve.key_size for key, (_, curve) in CURVES.items()},
    "ed25519": 256,
}
"""Bits of each public key: of the modulus, of the field, of RFC 8032's encoding."""


def size_of(key: PublicKey) -> int:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return 8 * len(key.public_bytes_raw())
    return key.key_size


@pytest.mark.parametrize("key", KEYS)
def test_a_token_has_one_pair_of_keys_named_after_it(provider: Provider, key: str) -> None:
    with provider.open(key) as session:
        pair = [private_key(session), public_key(session)]
        assert [one.label for one in pair] == [key, key]
        assert pair[0][CKA.ID] == pair[1][CKA.ID]


@pytest.mark.parametrize("key", KEYS)
def test_the_public_key_is_of_the_promised_size(provider: Provider, key: str) -> None:
    with provider.open(key) as session:
        assert size_of(read_public_key(public_key(session))) == SIZES[key]


@pytest.mark.parametrize("key", [key for key in KEYS if type_of(key) == CKK.RSA])
def test_the_private_key_carries_its_modulus(provider: Provider, key: str) -> None:
    with provider.open(key) as session:
        wanted = (CKA.MODULUS, CKA.PUBLIC_EXPONENT)
        assert private_key(session).get(*wanted) == public_key(session).get(*wanted)
        assert public_key(session).number(CKA.MODULUS_BITS) == int(key[4:])


@pytest.mark.parametrize(
    "match",
    [
        pytest.param({}, id="nothing"),
        pytest.param({CKA.TOKEN: True}, id="token"),
        pytest.param({CKA.LABEL: "p256"}, id="label"),
    ],
)
def test_a_search_finds_both_keys(provider: Provider, match: dict[int, Value]) -> None:
    with provider.open("p256") as session:
        found = {one.handle for one in session.find(match)}
        assert found >= {private_key(session).handle, public_key(session).handle}


@pytest.mark.parametrize(
    "match",
    [
        pytest.param({CKA.CLASS: MADE_UP_CLASS}, id="unknown-class"),
        pytest.param({CKA.CLASS: CKO.SECRET_KEY}, id="class-without-objects"),
        pytest.param({CKA.LABEL: "p25"}, id="beginning-of-the-label"),
        pytest.param({CKA.LABEL: "p2566"}, id="more-than-the-label"),
        pytest.param({CKA.CLASS: CKO.PRIVATE_KEY, CKA.VERIFY: True}, id="attribute-of-another"),
        pytest.param({CKA.ID: b""}, id="empty-id"),
        pytest.param({CKA.LABEL: "p256", CKA.SIGN: False}, id="one-of-two-differs"),
    ],
)
def test_a_search_for_what_is_not_there_finds_nothing(
    provider: Provider, match: dict[int, Value]
) -> None:
    with provider.open("p256") as session:
        assert session.find(match) == []


def test_a_search_gives_its_results_in_portions(provider: Provider) -> None:
    with provider.open("p256") as session:
        everything = [one.handle for one in session.find()]
        native, found = provider.module.native, list[int]()
        assert native.find_objects_init(session.handle) == CKR.OK
        for _ in everything:
            one = _native.Numbers(1)
            assert native.find_objects(session.handle, one) == CKR.OK
            assert not one.overrun
            found += one.value
        rest = _native.Numbers(4)
        assert native.find_objects(session.handle, rest) == CKR.OK
        assert rest.value == []
        assert native.find_objects_final(session.handle) == CKR.OK
        assert sorted(found) == sorted(everything)


def test_one_search_at_a_time(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("p256") as session, provider.slot("p256").open() as other:
        assert native.find_objects_init(session.handle) == CKR.OK
        assert native.find_objects_init(session.handle) == CKR.OPERATION_ACTIVE
        assert native.find_objects_init(other.handle) == CKR.OK
        assert native.find_objects_final(session.handle) == CKR.OK
        assert native.find_objects_final(session.handle) == CKR.OPERATION_NOT_INITIALIZED
        room = _native.Numbers(1)
        assert native.find_objects(session.handle, room) == CKR.OPERATION_NOT_INITIALIZED


def test_attributes_can_be_read_during_a_search(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("p256") as session:
        key = private_key(session)
        assert native.find_objects_init(session.handle) == CKR.OK
        assert key.label == "p256"
        assert native.find_objects_final(session.handle) == CKR.OK


def test_null_for_a_template_that_has_entries_is_refused(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("p256") as session:
        key = private_key(session)
        assert native.find_objects_init(session.handle, None, count=1) == CKR.ARGUMENTS_BAD
        answer = native.get_attribute_value(session.handle, key.handle, None, count=1)
        assert answer == CKR.ARGUMENTS_BAD


def test_an_unknown_object_is_refused(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("p256") as session:
        for handle in (0, 0x7FFFFFF0, 2**64 - 1):
            room = _native.Template()
            room.add_room(CKA.LABEL, 10)
            answer = native.get_attribute_value(session.handle, handle, room)
            assert answer == CKR.OBJECT_HANDLE_INVALID


@pytest.mark.parametrize("key", ["rsa-2048", "p256", "ed25519"])
def test_the_secret_is_never_told(provider: Provider, key: str) -> None:
    secret = CKA.PRIVATE_EXPONENT if key == "rsa-2048" else CKA.VALUE
    with provider.open(key) as session:
        room = _native.Template()
        room.add_room(secret, 1024)
        native, handle = provider.module.native, private_key(session).handle
        assert native.get_attribute_value(session.handle, handle, room) == CKR.ATTRIBUTE_SENSITIVE
        assert room.length(0) == UNAVAILABLE_INFORMATION
        with pytest.raises(Pkcs11Error, match="CKR_ATTRIBUTE_SENSITIVE"):
            private_key(session)[secret]


def test_one_attribute_that_is_not_there_does_not_keep_the_others_back(provider: Provider) -> None:
    with provider.open("p256") as session:
        room = _native.Template()
        room.add_room(CKA.LABEL, 32)
        room.add_room(CKA.MODULUS, 32)
        room.add_room(CKA.CLASS, 8)
        native, handle = provider.module.native, private_key(session).handle
        answer = native.get_attribute_value(session.handle, handle, room)
        assert answer == CKR.ATTRIBUTE_TYPE_INVALID
        assert room.length(1) == UNAVAILABLE_INFORMATION
        assert room.value(0) == b"p256"
        assert int.from_bytes(room.value(2), "little") == CKO.PRIVATE_KEY
        assert not room.overrun


def test_too_little_room_for_an_attribute_is_left_alone(provider: Provider) -> None:
    with provider.open("p256") as session:
        room = _native.Template()
        room.add_room(CKA.LABEL, 2)
        room.add_room(CKA.ID, 64)
        native, handle = provider.module.native, private_key(session).handle
        answer = native.get_attribute_value(session.handle, handle, room)
        assert answer == CKR.BUFFER_TOO_SMALL
        assert room.length(0) == UNAVAILABLE_INFORMATION
        assert room.value(1) == private_key(session)[CKA.ID]
        assert not room.overrun


def test_lengths_and_values_are_asked_for_in_one_template(provider: Provider) -> None:
    with provider.open("p256") as session:
        room = _native.Template()
        room.add_room(CKA.LABEL, length=77)  # no memory: the length that came in means nothing
        room.add_room(CKA.LABEL, 64)
        native, handle = provider.module.native, private_key(session).handle
        assert native.get_attribute_value(session.handle, handle, room) == CKR.OK
        assert room.length(0) == 4
        assert room.value(1) == b"p256"


def test_objects_of_the_token_cannot_be_made_changed_or_destroyed(sealwright: Provider) -> None:
    native = sealwright.module.native
    with sealwright.open("p256", read_write=True) as session:
        wanted = template({CKA.CLASS: CKO.DATA, CKA.TOKEN: True})
        answer, _ = native.create_object(session.handle, wanted)
        assert answer == CKR.TOKEN_WRITE_PROTECTED
        key = private_key(session)
        assert native.destroy_object(session.handle, key.handle) == CKR.ACTION_PROHIBITED
        assert native.call_with_nulls("C_SetAttributeValue") == CKR.FUNCTION_NOT_SUPPORTED
        for one in session.find():
            assert not one.flag(CKA.MODIFIABLE)
            assert not one.flag(CKA.COPYABLE)
            assert not one.flag(CKA.DESTROYABLE)
