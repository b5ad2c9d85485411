"""Our slots and tokens: one for each signer that the caller may see, under its number."""

import hashlib
from pathlib import Path

import pytest

from sealwright.cryptoki import CKK, CKM, CKR, MechanismFlag, SlotFlag, TokenFlag
from sealwright.pkcs11 import MechanismInfo, Module, Pkcs11Error, Session
from tests.conftest import KEYS, Environment
from tests.module.providers import Provider, initialised, private_key, type_of
from tests.server import ControlPlane

FLAGS = TokenFlag.TOKEN_INITIALIZED | TokenFlag.USER_PIN_INITIALIZED | TokenFlag.RNG
DIGESTS = [CKM.SHA_1, CKM.SHA224, CKM.SHA256, CKM.SHA384, CKM.SHA512]
RSA_MECHANISMS = [
    CKM.RSA_PKCS,
    CKM.SHA256_RSA_PKCS,
    CKM.SHA384_RSA_PKCS,
    CKM.SHA512_RSA_PKCS,
    CKM.RSA_PKCS_PSS,
    CKM.SHA256_RSA_PKCS_PSS,
    CKM.SHA384_RSA_PKCS_PSS,
    CKM.SHA512_RSA_PKCS_PSS,
    *DIGESTS,
]
EC_MECHANISMS = [CKM.ECDSA, CKM.ECDSA_SHA256, CKM.ECDSA_SHA384, CKM.ECDSA_SHA512, *DIGESTS]
MECHANISMS = {
    CKK.RSA: RSA_MECHANISMS,
    CKK.EC: EC_MECHANISMS,
    CKK.EC_EDWARDS: [CKM.EDDSA, *DIGESTS],
}

SIGNS = MechanismFlag.SIGN | MechanismFlag.VERIFY
CURVE = MechanismFlag.EC_F_P | MechanismFlag.EC_NAMEDCURVE | MechanismFlag.EC_UNCOMPRESS
SIGNING = {
    CKK.RSA: MechanismInfo(2048, 4096, SIGNS),
    CKK.EC: MechanismInfo(256, 521, SIGNS | CURVE),
    CKK.EC_EDWARDS: MechanismInfo(255, 255, SIGNS | MechanismFlag.EC_NAMEDCURVE),
}


def labels(module: Module) -> list[str]:
    return [slot.token().label for slot in module.slots()]


def refusal(session: Session) -> int:
    """What signing with the token's key is refused with."""
    with pytest.raises(Pkcs11Error) as refused:
        session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")
    return refused.value.rv


def test_the_slots_are_the_signers_by_number(
    sealwright: Provider, control_plane: ControlPlane, builder_key: str
) -> None:
    signers = control_plane.client(builder_key).signers(limit=100).value.items
    expected = sorted((signer.number, signer.name) for signer in signers)
    found = [(slot.number, slot.token().label) for slot in sealwright.module.slots()]
    assert found == expected
    assert {name for _, name in expected} == set(KEYS)


def test_a_token_describes_its_signer(sealwright: Provider, control_plane: ControlPlane) -> None:
    for slot in sealwright.module.slots():
        token = slot.token()
        signer = control_plane.client().signer(token.label).value
        assert token.serial_number == hashlib.sha256(signer.id.encode()).hexdigest()[:16]
        assert token.manufacturer == "Sealwright"
        assert token.flags == FLAGS
        assert (token.min_pin_length, token.max_pin_length) == (0, 255)
        assert slot.info().flags == SlotFlag.TOKEN_PRESENT


def test_the_sessions_of_a_token_are_counted(sealwright: Provider) -> None:
    slot = sealwright.slot("p256")
    with slot.open(), slot.open(read_write=True), sealwright.slot("p384").open():
        rv, info = sealwright.module.native.get_token_info(slot.number)
        assert rv == CKR.OK
        assert (info.sessions, info.rw_sessions) == (2, 1)


@pytest.mark.parametrize("key", KEYS)
def test_exactly_these_mechanisms_are_offered(sealwright: Provider, key: str) -> None:
    slot, kind = sealwright.slot(key), type_of(key)
    assert slot.mechanisms() == MECHANISMS[kind]
    for mechanism in MECHANISMS[kind]:
        digests = MechanismInfo(0, 0, MechanismFlag.DIGEST)
        expected = digests if mechanism in DIGESTS else SIGNING[kind]
        assert slot.mechanism_info(mechanism) == expected


def test_a_mechanism_of_other_keys_is_none_of_this_token(sealwright: Provider) -> None:
    others = [("p256", CKM.RSA_PKCS), ("p256", CKM.EDDSA), ("rsa-2048", CKM.ECDSA)]
    for key, mechanism in [*others, ("ed25519", CKM.ECDSA)]:
        with pytest.raises(Pkcs11Error, match="CKR_MECHANISM_INVALID"):
            sealwright.slot(key).mechanism_info(mechanism)


def test_a_disabled_signer_is_a_slot_without_a_token(
    environment: Environment, control_plane: ControlPlane, module_file: Path
) -> None:
    key = control_plane.create_machine("bench-a")
    number = control_plane.create_signer("out-of-order", "p256", **{"bench-a": "operator"}).number
    environment.set(url=control_plane.url, api_key=key)
    control_plane.client().disable_signer("out-of-order")
    with initialised(module_file) as module:
        assert labels(module) == []
        (slot,) = module.slots(with_token=False)
        assert slot.number == number
        assert slot.info().flags == SlotFlag(0)
        for refused in (slot.token, slot.mechanisms, slot.open):
            with pytest.raises(Pkcs11Error) as error:
                refused()
            assert error.value.rv == CKR.TOKEN_NOT_PRESENT
    control_plane.client().enable_signer("out-of-order")
    with initialised(module_file) as module:
        assert [slot.number for slot in module.slots()] == [number]


def test_a_pending_signer_is_a_slot_without_a_token(
    environment: Environment, control_plane: ControlPlane, module_file: Path
) -> None:
    key = control_plane.create_machine("bench-b")
    client = control_plane.client()
    signer = client.create_signer("elsewhere", "p256", "Elsewhere", external=True).value
    client.add_member("elsewhere", "bench-b", "operator")
    environment.set(url=control_plane.url, api_key=key)
    with initialised(module_file) as module:
        assert module.slots() == []
        assert [slot.number for slot in module.slots(with_token=False)] == [signer.number]


def test_whoever_is_no_member_sees_no_slot_and_a_guess_is_recorded(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    stranger = control_plane.create_machine("stranger")
    number = control_plane.client().signer("p256").value.number
    environment.set(url=control_plane.url, api_key=stranger)
    with initialised(module_file) as module:
        assert module.slots(with_token=False) == []
        assert module.native.open_session(number, 4)[0] == CKR.SLOT_ID_INVALID
    # A key that is a member's can find the object, the stranger's cannot sign with it.
    environment.set(url=control_plane.url, api_key=builder_key)
    control_plane.client().add_member("p256", "stranger", "operator")
    with initialised(module_file) as module, module.slot("p256").open() as session:
        session.login(stranger)
        control_plane.client().remove_member("p256", "stranger")
        assert refusal(session) == CKR.DEVICE_REMOVED  # no word on whether it exists
    newest = control_plane.signings("p256")[0]
    assert (newest.actor, newest.outcome, newest.reason) == ("stranger", "denied", "not_a_member")
    assert 'signer "p256"' in capfd.readouterr().err


def test_an_auditor_sees_the_objects_and_signs_nothing(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    auditor = control_plane.create_machine("auditing")
    control_plane.client().add_member("p256", "auditing", "auditor")
    environment.set(url=control_plane.url, api_key=auditor)
    with initialised(module_file) as module:
        assert labels(module) == ["p256"]
        with module.slot("p256").open() as session:
            assert refusal(session) == CKR.FUNCTION_REJECTED
    assert "auditor" in capfd.readouterr().err
    newest = control_plane.signings("p256")[0]
    assert (newest.actor, newest.outcome) == ("auditing", "denied")
