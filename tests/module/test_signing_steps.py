"""The steps of C_Sign… and C_Verify…: lengths, order, and what each refusal leaves behind."""

import pytest

from sealwright import _native
from sealwright.cryptoki import CKG, CKM, CKR
from sealwright.pkcs11 import Session, pss
from tests.module.providers import Provider, private_key, public_key

SHA256_RSA = CKM.SHA256_RSA_PKCS
LENGTH = 256  # octets of a signature by rsa-2048


def start(session: Session, mechanism: int | _native.Mechanism = SHA256_RSA) -> int:
    made = _native.Mechanism(mechanism) if isinstance(mechanism, int) else mechanism
    native, key = session.module.native, private_key(session)
    return native.sign_init(session.handle, made, key.handle)


def test_the_length_is_told_first_and_the_signature_after(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("rsa-2048") as session:
        assert start(session) == CKR.OK
        asked = _native.Buffer(length=0xDEAD)
        assert native.sign(session.handle, b"data", asked) == CKR.OK
        assert asked.length == LENGTH
        small = _native.Buffer(LENGTH - 1)
        assert native.sign(session.handle, b"data", small) == CKR.BUFFER_TOO_SMALL
        assert small.length == LENGTH
        assert not small.overrun
        large = _native.Buffer(4096)
        assert native.sign(session.handle, b"data", large) == CKR.OK
        assert large.length == LENGTH
        assert not large.overrun
        session.verify(SHA256_RSA, public_key(session), b"data", large.value)
        assert native.sign(session.handle, b"data", large) == CKR.OPERATION_NOT_INITIALIZED


def test_the_end_of_parts_can_be_asked_for_its_length_and_repeated(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("rsa-2048") as session:
        assert start(session) == CKR.OK
        assert native.sign_update(session.handle, b"da") == CKR.OK
        assert native.sign_update(session.handle, b"ta") == CKR.OK
        asked = _native.Buffer()
        assert native.sign_final(session.handle, asked) == CKR.OK
        assert asked.length == LENGTH
        small = _native.Buffer(1)
        assert native.sign_final(session.handle, small) == CKR.BUFFER_TOO_SMALL
        enough = _native.Buffer(LENGTH)
        assert native.sign_final(session.handle, enough) == CKR.OK
        session.verify(SHA256_RSA, public_key(session), b"data", enough.value)
        assert native.sign_final(session.handle, enough) == CKR.OPERATION_NOT_INITIALIZED


def test_a_length_that_was_asked_with_all_data_is_no_start_of_parts(sealwright: Provider) -> None:
    """The end of parts would be a digest, or a signature, of nothing."""
    native = sealwright.module.native
    with sealwright.open("rsa-2048") as session:
        room = _native.Buffer(LENGTH)
        assert start(session) == CKR.OK
        assert native.sign(session.handle, b"data", _native.Buffer()) == CKR.OK
        assert native.sign_final(session.handle, room) == CKR.OPERATION_NOT_INITIALIZED
        assert native.digest_init(session.handle, _native.Mechanism(CKM.SHA256)) == CKR.OK
        assert native.digest(session.handle, b"data", _native.Buffer()) == CKR.OK
        assert native.digest_final(session.handle, room) == CKR.OPERATION_NOT_INITIALIZED
        assert room.untouched
        # Both operations have ended with that.
        assert native.sign(session.handle, b"data", room) == CKR.OPERATION_NOT_INITIALIZED
        assert native.digest(session.handle, b"data", room) == CKR.OPERATION_NOT_INITIALIZED


def test_digesting_all_at_once_after_a_part_ends_the_operation(sealwright: Provider) -> None:
    native, room = sealwright.module.native, _native.Buffer(32)
    with sealwright.open("rsa-2048") as session:
        assert native.digest_init(session.handle, _native.Mechanism(CKM.SHA256)) == CKR.OK
        assert native.digest_update(session.handle, b"da") == CKR.OK
        assert native.digest(session.handle, b"ta", room) == CKR.OPERATION_NOT_INITIALIZED
        assert native.digest_final(session.handle, room) == CKR.OPERATION_NOT_INITIALIZED
        assert room.untouched


def test_without_a_start_nothing_is_signed_or_verified(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("rsa-2048") as session:
        room = _native.Buffer(LENGTH)
        answers = {
            native.sign(session.handle, b"", room),
            native.sign_update(session.handle, b""),
            native.sign_final(session.handle, room),
            native.verify(session.handle, b"", b""),
            native.verify_update(session.handle, b""),
            native.verify_final(session.handle, b""),
        }
        assert answers == {CKR.OPERATION_NOT_INITIALIZED}
        assert room.untouched


def test_a_second_signature_waits_for_the_first(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("rsa-2048") as session:
        mechanism, key = _native.Mechanism(SHA256_RSA), private_key(session).handle
        assert native.sign_init(session.handle, mechanism, key) == CKR.OK
        assert native.sign_init(session.handle, mechanism, key) == CKR.OPERATION_ACTIVE
        assert native.sign(session.handle, b"data", _native.Buffer(LENGTH)) == CKR.OK
        assert native.sign_init(session.handle, mechanism, key) == CKR.OK


def test_sessions_sign_side_by_side(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("rsa-2048") as one, provider.slot("rsa-2048").open() as other:
        assert start(one) == CKR.OK
        assert start(other) == CKR.OK
        first, second = _native.Buffer(LENGTH), _native.Buffer(LENGTH)
        assert native.sign_update(one.handle, b"one") == CKR.OK
        assert native.sign_update(other.handle, b"other") == CKR.OK
        assert native.sign_final(other.handle, second) == CKR.OK
        assert native.sign_final(one.handle, first) == CKR.OK
        one.verify(SHA256_RSA, public_key(one), b"one", first.value)
        one.verify(SHA256_RSA, public_key(one), b"other", second.value)


def test_a_mechanism_of_another_kind_is_refused(provider: Provider) -> None:
    with provider.open("rsa-2048") as session:
        for mechanism in (CKM.SHA256, CKM.RSA_PKCS_KEY_PAIR_GEN, 0x7FFFFFFF):
            assert start(session, mechanism) == CKR.MECHANISM_INVALID
        assert start(session) == CKR.OK


def test_null_for_the_mechanism_is_refused(provider: Provider) -> None:
    native = provider.module.native
    with provider.open("rsa-2048") as session:
        assert native.sign_init(session.handle, None, private_key(session).handle) == (
            CKR.ARGUMENTS_BAD
        )
        assert native.verify_init(session.handle, None, public_key(session).handle) == (
            CKR.ARGUMENTS_BAD
        )


def test_only_the_private_key_signs_and_only_the_public_key_verifies(provider: Provider) -> None:
    native, mechanism = provider.module.native, _native.Mechanism(SHA256_RSA)
    with provider.open("rsa-2048") as session:
        signs = native.sign_init(session.handle, mechanism, public_key(session).handle)
        verifies = native.verify_init(session.handle, mechanism, private_key(session).handle)
        assert {signs, verifies} == {CKR.KEY_FUNCTION_NOT_PERMITTED}


def test_pss_without_parameters_is_refused(provider: Provider) -> None:
    with provider.open("rsa-2048") as session:
        refused = {CKR.ARGUMENTS_BAD, CKR.MECHANISM_PARAM_INVALID}
        for mechanism in (CKM.RSA_PKCS_PSS, CKM.SHA256_RSA_PKCS_PSS):
            assert start(session, mechanism) in refused
            assert start(session, _native.Mechanism(mechanism, b"\0" * 7)) in refused


@pytest.mark.parametrize(
    ("hash_mechanism", "mgf"),
    [(CKM.SHA384, CKG.MGF1_SHA256), (CKM.SHA256, 0), (CKM.SHA256, 99)],
)
def test_pss_with_parameters_that_contradict_the_mechanism_is_refused(
    sealwright: Provider, hash_mechanism: CKM, mgf: int
) -> None:
    with sealwright.open("rsa-2048") as session:
        contradiction = pss(CKM.SHA256_RSA_PKCS_PSS, hash_mechanism, mgf, 32)
        assert start(session, contradiction) == CKR.MECHANISM_PARAM_INVALID


@pytest.mark.parametrize("mechanism", [CKM.SHA256_RSA_PKCS, CKM.SHA256_RSA_PKCS_PSS])
def test_a_key_of_another_kind_is_refused(sealwright: Provider, mechanism: CKM) -> None:
    with sealwright.open("p256") as session:
        made = pss(mechanism, CKM.SHA256, CKG.MGF1_SHA256, 32)
        answer = start(session, made if "PSS" in mechanism.name else mechanism)
        assert answer in (CKR.KEY_TYPE_INCONSISTENT, CKR.MECHANISM_INVALID)


def test_an_unknown_key_is_refused(sealwright: Provider) -> None:
    native, mechanism = sealwright.module.native, _native.Mechanism(SHA256_RSA)
    with sealwright.open("rsa-2048") as session, sealwright.open("rsa-3072") as other:
        unknown = {0, 0x7FFFFFF0, private_key(other).handle}
        for handle in unknown:
            answer = native.sign_init(session.handle, mechanism, handle)
            assert answer == CKR.KEY_HANDLE_INVALID


def test_null_for_data_that_has_a_length_is_refused(sealwright: Provider) -> None:
    native = sealwright.module.native
    with sealwright.open("rsa-2048") as session:
        assert start(session) == CKR.OK
        room = _native.Buffer(LENGTH)
        assert native.sign(session.handle, None, room, length=1) == CKR.ARGUMENTS_BAD
        assert start(session) == CKR.OK
        assert native.sign_update(session.handle, None, length=2**63) == CKR.ARGUMENTS_BAD
        assert start(session) == CKR.OK
        assert native.sign(session.handle, None, room) == CKR.OK  # no data at all


def test_null_for_the_length_is_refused(sealwright: Provider) -> None:
    native = sealwright.module.native
    with sealwright.open("rsa-2048") as session:
        assert start(session) == CKR.OK
        nowhere = _native.Buffer(LENGTH, null_length=True)
        assert native.sign(session.handle, b"data", nowhere) == CKR.ARGUMENTS_BAD
        assert nowhere.untouched


def test_a_refusal_ends_the_signature(sealwright: Provider) -> None:
    native = sealwright.module.native
    with sealwright.open("rsa-2048") as session:
        assert start(session, CKM.RSA_PKCS) == CKR.OK
        room = _native.Buffer(LENGTH)
        assert native.sign(session.handle, bytes(300), room) == CKR.DATA_LEN_RANGE
        assert native.sign(session.handle, b"", room) == CKR.OPERATION_NOT_INITIALIZED
        assert start(session) == CKR.OK


def test_what_was_begun_in_parts_ends_in_parts(sealwright: Provider) -> None:
    native = sealwright.module.native
    with sealwright.open("rsa-2048") as session:
        assert start(session) == CKR.OK
        assert native.sign_update(session.handle, b"part") == CKR.OK
        room = _native.Buffer(LENGTH)
        assert native.sign(session.handle, b"whole", room) == CKR.OPERATION_NOT_INITIALIZED
        assert room.untouched


def test_raw_mechanisms_take_no_parts_they_cannot_keep(sealwright: Provider) -> None:
    """Multi-part everywhere: a digest that comes in parts is still a digest."""
    native = sealwright.module.native
    digest = bytes(range(32))
    with sealwright.open("p256") as session:
        signature = session.sign_parts(CKM.ECDSA, private_key(session), [digest[:5], digest[5:]])
        session.verify(CKM.ECDSA, public_key(session), digest, signature)
        session.verify_parts(CKM.ECDSA, public_key(session), [digest], signature)
        assert start(session, CKM.ECDSA) == CKR.OK
        answers = [native.sign_update(session.handle, bytes(32)) for _ in range(5)]
        answers.append(native.sign_final(session.handle, _native.Buffer(64)))
        assert CKR.DATA_LEN_RANGE in answers
