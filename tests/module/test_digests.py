"""PKCS#11 v2.40 §5.10 digests, §5.15 random numbers: what any module does."""

import hashlib

import pytest

from sealwright import _native
from sealwright.cryptoki import CKM, CKR
from tests.module.providers import Provider, private_key

ALGORITHMS = {
    CKM.SHA_1: hashlib.sha1,
    CKM.SHA224: hashlib.sha224,
    CKM.SHA256: hashlib.sha256,
    CKM.SHA384: hashlib.sha384,
    CKM.SHA512: hashlib.sha512,
}
LENGTHS = [0, 1, 63, 64, 65, 127, 128, 129, 1_000_003]

algorithms = pytest.mark.parametrize("mechanism", ALGORITHMS, ids=lambda each: each.name)


@algorithms
def test_a_digest_is_the_standard_one(provider: Provider, mechanism: CKM) -> None:
    with provider.slot("p256").open() as session:
        for length in LENGTHS:
            data = bytes(range(256)) * (length // 256 + 1)
            data = data[:length]
            assert session.digest(mechanism, data) == ALGORITHMS[mechanism](data).digest()


@algorithms
def test_parts_give_the_digest_of_the_whole(provider: Provider, mechanism: CKM) -> None:
    parts = [b"a" * 63, b"", b"b" * 2, b"c" * 10_000]
    expected = ALGORITHMS[mechanism](b"".join(parts)).digest()
    with provider.slot("p256").open() as session:
        assert session.digest_parts(mechanism, parts) == expected


@algorithms
def test_the_length_is_told_first_and_the_digest_after(provider: Provider, mechanism: CKM) -> None:
    native, expected = provider.module.native, ALGORITHMS[mechanism](b"data").digest()
    with provider.slot("p256").open() as session:
        assert native.digest_init(session.handle, _native.Mechanism(mechanism)) == CKR.OK
        asked = _native.Buffer(length=3)
        assert native.digest(session.handle, b"data", asked) == CKR.OK
        assert asked.length == len(expected)
        small = _native.Buffer(len(expected) - 1)
        assert native.digest(session.handle, b"data", small) == CKR.BUFFER_TOO_SMALL
        assert small.length == len(expected)
        assert not small.overrun
        large = _native.Buffer(200)
        assert native.digest(session.handle, b"data", large) == CKR.OK
        assert large.value == expected
        assert not large.overrun
        again = _native.Buffer(200)
        assert native.digest(session.handle, b"data", again) == CKR.OPERATION_NOT_INITIALIZED


def test_a_second_digest_waits_for_the_first(provider: Provider) -> None:
    native = provider.module.native
    with provider.slot("p256").open() as session:
        mechanism = _native.Mechanism(CKM.SHA256)
        assert native.digest_init(session.handle, mechanism) == CKR.OK
        assert native.digest_init(session.handle, mechanism) == CKR.OPERATION_ACTIVE


def test_without_a_start_there_is_no_digest(provider: Provider) -> None:
    native = provider.module.native
    with provider.slot("p256").open() as session:
        room = _native.Buffer(64)
        assert native.digest(session.handle, b"", room) == CKR.OPERATION_NOT_INITIALIZED
        assert native.digest_update(session.handle, b"") == CKR.OPERATION_NOT_INITIALIZED
        assert native.digest_final(session.handle, room) == CKR.OPERATION_NOT_INITIALIZED
        assert room.untouched


def test_what_is_no_digest_mechanism_is_refused(provider: Provider) -> None:
    native = provider.module.native
    with provider.slot("p256").open() as session:
        for mechanism in (CKM.RSA_PKCS, CKM.ECDSA, 0x7FFFFFFF):
            answer = native.digest_init(session.handle, _native.Mechanism(mechanism))
            assert answer == CKR.MECHANISM_INVALID
        assert native.digest_init(session.handle, None) == CKR.ARGUMENTS_BAD


def test_random_octets_are_as_many_as_asked_for_and_differ(provider: Provider) -> None:
    with provider.slot("p256").open() as session:
        first, second = session.random(4096), session.random(4096)
        assert len(first) == len(second) == 4096
        assert first != second
        for octets in (first, second):
            assert len(set(octets)) > 200


def test_random_octets_stay_in_their_room(provider: Provider) -> None:
    with provider.slot("p256").open() as session:
        room = _native.Buffer(17)
        assert provider.module.native.generate_random(session.handle, room) == CKR.OK
        assert not room.overrun


def test_a_seed_is_accepted(provider: Provider) -> None:
    with provider.slot("p256").open() as session:
        assert provider.module.native.seed_random(session.handle, b"seed") == CKR.OK


def test_digests_are_made_beside_a_signature(sealwright: Provider) -> None:
    """What jarsigner and NSS do in one session."""
    native = sealwright.module.native
    with sealwright.open("p256") as session:
        sha256 = _native.Mechanism(CKM.ECDSA_SHA256)
        assert native.sign_init(session.handle, sha256, private_key(session).handle) == CKR.OK
        assert session.digest(CKM.SHA256, b"x") == hashlib.sha256(b"x").digest()
        assert native.sign(session.handle, b"x", _native.Buffer(64)) == CKR.OK
