"""A session that another thread closes in the middle of an operation."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import pytest

from sealwright import _native
from sealwright.cryptoki import CKM, CKR, SessionFlag
from sealwright.pkcs11 import Module, Session, Slot
from tests.conftest import Environment
from tests.gateway import Request, gateway_to
from tests.module.providers import Provider, initialised, private_key, public_key
from tests.server import ControlPlane


def close(slot: Slot, session: Session) -> int:
    return slot.module.native.close_session(session.handle)


def close_all(slot: Slot, _: Session) -> int:
    return slot.module.native.close_all_sessions(slot.number)


def finalise(slot: Slot, _: Session) -> int:
    return slot.module.native.finalize()


Closing: TypeAlias = Callable[[Slot, Session], int]
GONE: Mapping[Closing, CKR] = {
    close: CKR.SESSION_HANDLE_INVALID,
    close_all: CKR.SESSION_HANDLE_INVALID,
    finalise: CKR.CRYPTOKI_NOT_INITIALIZED,
}
closings = pytest.mark.parametrize("closing", GONE, ids=lambda each: each.__name__)


class Held:
    """The control plane's answer to the first call to sign waits until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()

    def __call__(self, request: Request, answer: bytes) -> bytes:
        if request.path.endswith("/sign"):
            self.asked.set()
            self.released.wait()
        return answer


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def module(
    held: Held,
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
) -> Iterator[Module]:
    with gateway_to(control_plane, held) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as loaded:
            yield loaded


@closings
@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "parts"])
def test_a_signature_that_is_on_its_way_arrives(
    module: Module, held: Held, closing: Closing, in_parts: bool
) -> None:
    """It has its row in the log, so it is handed out; the session is gone all the same."""
    native, slot = module.native, module.slot("rsa-2048")
    session = slot.open()
    key, signature = private_key(session).handle, _native.Buffer(256)

    def sign() -> int:
        if not in_parts:
            return native.sign(session.handle, b"data", signature)
        assert native.sign_update(session.handle, b"data") == CKR.OK
        return native.sign_final(session.handle, signature)

    mechanism = _native.Mechanism(CKM.SHA256_RSA_PKCS)
    assert native.sign_init(session.handle, mechanism, key) == CKR.OK
    with ThreadPoolExecutor(1) as other:
        answer = other.submit(sign)
        try:
            assert held.asked.wait(30)
            assert closing(slot, session) == CKR.OK
            assert native.sign(session.handle, b"", _native.Buffer(256)) == GONE[closing]
            assert not answer.done()
        finally:
            held.released.set()
        assert answer.result() == CKR.OK
    if closing is finalise:
        module.initialize()
        slot = module.slot("rsa-2048")
    with slot.open() as again:
        data = b"data"
        again.verify(CKM.SHA256_RSA_PKCS, public_key(again), data, signature.value)


def starts(module: Module, session: int, private: int, public: int) -> dict[str, Callable[[], int]]:
    """A step of each kind of operation, after its start."""
    native = module.native
    rsa, sha = _native.Mechanism(CKM.SHA256_RSA_PKCS), _native.Mechanism(CKM.SHA256)
    assert native.sign_init(session, rsa, private) == CKR.OK
    assert native.verify_init(session, rsa, public) == CKR.OK
    assert native.digest_init(session, sha) == CKR.OK
    assert native.find_objects_init(session) == CKR.OK
    part = bytes(1000)
    return {
        "sign": lambda: native.sign_update(session, part),
        "verify": lambda: native.verify_update(session, part),
        "digest": lambda: native.digest_update(session, part),
        "find": lambda: native.find_objects(session, _native.Numbers(1)),
    }


@closings
def test_steps_go_on_until_the_session_is_gone(sealwright: Provider, closing: Closing) -> None:
    """Four threads, each with one kind of operation, in one session that a fifth one closes."""
    slot = sealwright.slot("rsa-2048")
    session = slot.open()
    keys = private_key(session).handle, public_key(session).handle
    steps = starts(sealwright.module, session.handle, *keys)
    stepped = threading.Semaphore(0)

    def repeat(step: Callable[[], int]) -> int:
        """What ended it."""
        while (rv := step()) == CKR.OK:
            stepped.release()
        return rv

    with ThreadPoolExecutor(len(steps)) as threads:
        ends = [threads.submit(repeat, step) for step in steps.values()]
        for _ in range(40):
            assert stepped.acquire(timeout=30)
        assert closing(slot, session) == CKR.OK
        assert [end.result() for end in ends] == [GONE[closing]] * len(steps)


def test_a_session_of_another_token_is_not_disturbed(sealwright: Provider) -> None:
    native, slot = sealwright.module.native, sealwright.slot("rsa-2048")
    number = sealwright.slot("p256").number
    rv, other = native.open_session(number, SessionFlag.SERIAL_SESSION)
    assert rv == CKR.OK
    assert native.digest_init(other, _native.Mechanism(CKM.SHA256)) == CKR.OK
    session = slot.open()
    assert close_all(slot, session) == CKR.OK
    assert native.digest(other, b"", _native.Buffer(32)) == CKR.OK
