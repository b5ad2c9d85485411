"""PKCS#11 v2.40 §5.2: output at every boundary of its length; no data; templates of any size."""

import hashlib
import struct
from pathlib import Path

import pytest

from sealwright import _native
from sealwright.cryptoki import CKA, CKM, CKO, CKR
from sealwright.pkcs11 import template
from tests.module.providers import PIN, SOFTHSM, Provider, initialised, private_key, public_key
from tests.module.standard import LISTED, SUPPORTED, Function
from tests.module.test_conformance_returns import CALLS, HASHING, Situation, number

MANY = 10_000

WRITING = [
    name
    for name, function in SUPPORTED.items()
    if CKR.BUFFER_TOO_SMALL in LISTED[name] and name != "C_GetAttributeValue"
]
"""Functions with a buffer and a place for its length. Attributes carry theirs in a template."""


def output_places(function: Function) -> tuple[int, int, int]:
    """Of the buffer, of its length, and the octets of an element."""
    (length,) = (
        place
        for place, parameter in enumerate(function.parameters)
        if parameter.type == "CK_ULONG_PTR"
    )
    elements = {"CK_BYTE_PTR": 1, "CK_INTERFACE_PTR": 24}
    return length - 1, length, elements.get(function.parameters[length - 1].type, 8)


@pytest.mark.parametrize("function", WRITING)
def test_output_is_told_its_length_and_written_where_it_fits(
    provider_file: Path, builder_key: str, function: str
) -> None:
    is_softhsm = provider_file == SOFTHSM
    if is_softhsm and SUPPORTED[function].since != "2.40":
        pytest.skip("SoftHSM2 is of 2.40")
    buffer_place, length_place, element = output_places(SUPPORTED[function])

    with initialised(provider_file) as module:
        situation = Situation(module, PIN if is_softhsm else builder_key, is_softhsm)

        def ask(capacity: int | None, told: int) -> tuple[int, int, _native.Buffer]:
            """What it returned, the length that it left, and the buffer."""
            buffer = _native.Buffer(None if capacity is None else capacity * element)
            length = number(told)
            arguments[buffer_place], arguments[length_place] = buffer, length
            rv = module.native.call(function, *arguments)
            return rv, struct.unpack("@L", length)[0], buffer

        written: list[bytes] = []
        for extra in (0, 1, 1000):
            arguments = CALLS[function](situation)
            rv, needed, _ = ask(None, 0)
            assert rv == CKR.OK
            assert needed > 1
            assert ask(None, 2**64 - 1)[:2] == (CKR.OK, needed)  # what came in means nothing
            for capacity in (0, 1, needed - 1):
                rv, told, buffer = ask(capacity, capacity)
                assert (rv, told) == (CKR.BUFFER_TOO_SMALL, needed)
                assert buffer.untouched
            rv, told, buffer = ask(needed + extra, needed + extra)
            assert (rv, told) == (CKR.OK, needed)
            assert not buffer.overrun
            written.append(_beginning(buffer, needed * element))
        assert written[0] == written[1] == written[2]
        assert len(set(written[0])) > 1


def _beginning(buffer: _native.Buffer, length: int) -> bytes:
    return buffer.value[:length]


def test_no_data_is_data(provider: Provider) -> None:
    native = provider.module.native
    nothing = hashlib.sha256().digest()
    with provider.open("rsa-2048") as session:
        assert session.digest(CKM.SHA256, b"") == nothing
        assert session.digest_parts(CKM.SHA256, []) == nothing
        assert session.digest_parts(CKM.SHA256, [b"", b""]) == nothing
        whole = session.sign(HASHING, private_key(session), b"")
        assert session.sign_parts(HASHING, private_key(session), []) == whole
        assert session.sign_parts(HASHING, private_key(session), [b"", b""]) == whole
        session.verify(HASHING, public_key(session), b"", whole)
        session.verify_parts(HASHING, public_key(session), [], whole)
        session.verify_parts(HASHING, public_key(session), [b""], whole)
        assert native.generate_random(session.handle, _native.Buffer(0)) in (
            CKR.OK,
            CKR.ARGUMENTS_BAD,  # SoftHSM2
        )


def test_null_is_no_data_where_its_length_is_zero(sealwright: Provider) -> None:
    native = sealwright.module.native
    with sealwright.open("rsa-2048") as session:
        assert native.digest_init(session.handle, _native.Mechanism(CKM.SHA256)) == CKR.OK
        assert native.digest_update(session.handle, None) == CKR.OK
        digest = _native.Buffer(32)
        assert native.digest_final(session.handle, digest) == CKR.OK
        assert digest.value == hashlib.sha256().digest()
        mechanism, key = _native.Mechanism(HASHING), public_key(session)
        signature = session.sign(HASHING, private_key(session), b"")
        assert native.verify_init(session.handle, mechanism, key.handle) == CKR.OK
        assert native.verify(session.handle, None, signature) == CKR.OK
        assert native.generate_random(session.handle, _native.Buffer()) == CKR.OK
        assert native.seed_random(session.handle, None) == CKR.OK


def test_a_template_without_attributes_asks_for_nothing_and_finds_everything(
    provider: Provider,
) -> None:
    native = provider.module.native
    with provider.open("p256") as session:
        everything = session.find()
        assert {found.label for found in everything} >= {"p256"}
        assert session.find({}) == everything
        answer = native.get_attribute_value(
            session.handle, private_key(session).handle, _native.Template()
        )
        assert answer == (CKR.OK if provider.is_sealwright else CKR.ARGUMENTS_BAD)


def test_a_search_takes_a_template_of_ten_thousand_attributes(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("p256") as session:
        key = private_key(session)
        has = [(CKA.CLASS, key[CKA.CLASS]), (CKA.ID, key[CKA.ID]), (CKA.LABEL, b"p256")]
        for last, expected in ((b"p256", [key.handle]), (b"p384", [])):
            wanted = _native.Template()
            for position in range(MANY - 1):
                wanted.add(*has[position % len(has)])
            wanted.add(CKA.LABEL, last)
            assert native.find_objects_init(session.handle, wanted) == CKR.OK
            found = _native.Numbers(8)
            assert native.find_objects(session.handle, found) == CKR.OK
            assert native.find_objects_final(session.handle) == CKR.OK
            assert found.value == expected


def test_a_read_takes_a_template_of_ten_thousand_attributes(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("p256") as session:
        key = private_key(session)
        room = _native.Template()
        for position in range(MANY):
            room.add_room(CKA.LABEL if position % 2 else CKA.MODULUS, 16)
        answer = native.get_attribute_value(session.handle, key.handle, room)
        assert answer == CKR.ATTRIBUTE_TYPE_INVALID
        assert {room.length(position) for position in range(0, MANY, 2)} == {2**64 - 1}
        assert {room.value(position) for position in range(1, MANY, 2)} == {b"p256"}
        assert not room.overrun


@pytest.mark.parametrize("length", [0, 1, 4, 7, 9, 16])
def test_a_number_of_another_length_is_no_object_class(provider: Provider, length: int) -> None:
    value = (int(CKO.PRIVATE_KEY).to_bytes(8, "little") * 2)[:length]
    with provider.open("p256") as session:
        assert session.find({CKA.CLASS: value}) == []


def test_a_value_that_has_a_length_must_be_somewhere(sealwright: Provider) -> None:
    """SoftHSM2 reads it all the same, and ends the process."""
    native = sealwright.module.native
    with sealwright.open("p256") as session:
        nowhere = _native.Template()
        nowhere.add(CKA.LABEL, None, length=4)
        assert native.find_objects_init(session.handle, nowhere) == CKR.ARGUMENTS_BAD
        assert native.find_objects_init(session.handle, template({CKA.LABEL: "p256"})) == CKR.OK


@pytest.mark.parametrize("length", [2**63, 2**64 - 1])
def test_a_length_that_no_memory_has_is_refused(sealwright: Provider, length: int) -> None:
    native = sealwright.module.native
    with sealwright.open("p256") as session:
        absurd = _native.Template()
        absurd.add(CKA.LABEL, b"p256", length=length)
        assert native.find_objects_init(session.handle, absurd) == CKR.ARGUMENTS_BAD
        count = native.find_objects_init(session.handle, absurd, count=length)
        assert count == CKR.ARGUMENTS_BAD
        assert native.find_objects_init(session.handle) == CKR.OK
