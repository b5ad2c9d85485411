"""PKCS#11 v3.0: operations that are given up, by C_SessionCancel (§5.6) or without a mechanism."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from sealwright import _native
from sealwright.cryptoki import CKM, CKR, MechanismFlag
from sealwright.pkcs11 import Session
from tests.module.providers import Provider, private_key, public_key
from tests.server import ControlPlane

FLAGS = {
    "find": MechanismFlag.FIND_OBJECTS,
    "digest": MechanismFlag.DIGEST,
    "sign": MechanismFlag.SIGN,
    "verify": MechanismFlag.VERIFY,
}
PART = b"part"


@pytest.fixture
def session(sealwright: Provider) -> Iterator[Session]:
    with sealwright.open("rsa-2048") as opened:
        yield opened


def start(session: Session) -> None:
    """One operation of each kind."""
    native, handle = session.module.native, session.handle
    keys = private_key(session).handle, public_key(session).handle
    hashing = _native.Mechanism(CKM.SHA256_RSA_PKCS)
    assert native.sign_init(handle, hashing, keys[0]) == CKR.OK
    assert native.verify_init(handle, hashing, keys[1]) == CKR.OK
    assert native.digest_init(handle, _native.Mechanism(CKM.SHA256)) == CKR.OK
    assert native.find_objects_init(handle) == CKR.OK


def active(session: Session) -> set[str]:
    """What goes on when it is asked to."""
    native, handle = session.module.native, session.handle
    steps: Mapping[str, Callable[[], int]] = {
        "find": lambda: native.find_objects(handle, _native.Numbers(1)),
        "digest": lambda: native.digest_update(handle, PART),
        "sign": lambda: native.sign_update(handle, PART),
        "verify": lambda: native.verify_update(handle, PART),
    }
    answers = {kind: step() for kind, step in steps.items()}
    assert set(answers.values()) <= {CKR.OK, CKR.OPERATION_NOT_INITIALIZED}
    return {kind for kind, rv in answers.items() if rv == CKR.OK}


def cancel(session: Session, flags: int) -> int:
    return session.module.native.call("C_SessionCancel", session.handle, flags)


@pytest.mark.parametrize("kind", FLAGS)
def test_the_operation_of_a_flag_ends_and_no_other(session: Session, kind: str) -> None:
    start(session)
    assert cancel(session, FLAGS[kind]) == CKR.OK
    assert active(session) == set(FLAGS) - {kind}


def test_all_flags_at_once_end_everything(session: Session) -> None:
    start(session)
    assert active(session) == set(FLAGS)
    assert cancel(session, 2**64 - 1) == CKR.OK
    assert active(session) == set()
    start(session)
    assert active(session) == set(FLAGS)


@pytest.mark.parametrize("flags", [0, MechanismFlag.ENCRYPT, MechanismFlag.DECRYPT])
def test_flags_of_nothing_that_is_active_mean_nothing(session: Session, flags: int) -> None:
    assert cancel(session, 2**64 - 1) == CKR.OK
    start(session)
    assert cancel(session, flags) == CKR.OK
    assert active(session) == set(FLAGS)


WITHOUT_A_MECHANISM: Mapping[str, Callable[[Session], int]] = {
    "digest": lambda s: s.module.native.digest_init(s.handle, None),
    "sign": lambda s: s.module.native.sign_init(s.handle, None, 0),
    "verify": lambda s: s.module.native.verify_init(s.handle, None, 0),
}


@pytest.mark.parametrize("kind", WITHOUT_A_MECHANISM)
def test_a_start_without_a_mechanism_ends_what_is_active(session: Session, kind: str) -> None:
    start(session)
    assert WITHOUT_A_MECHANISM[kind](session) == CKR.OK
    assert active(session) == set(FLAGS) - {kind}
    assert WITHOUT_A_MECHANISM[kind](session) == CKR.ARGUMENTS_BAD


@pytest.mark.parametrize(
    "give_up", [lambda s: cancel(s, MechanismFlag.SIGN), WITHOUT_A_MECHANISM["sign"]]
)
def test_a_signature_that_is_given_up_is_never_made(
    session: Session, control_plane: ControlPlane, give_up: Callable[[Session], int]
) -> None:
    before = control_plane.client().operations_head().value.sequence
    start(session)
    assert active(session) >= {"sign"}
    assert give_up(session) == CKR.OK
    signature = _native.Buffer(256)
    answer = session.module.native.sign_final(session.handle, signature)
    assert (answer, signature.untouched) == (CKR.OPERATION_NOT_INITIALIZED, True)
    assert control_plane.client().operations_head().value.sequence == before
