"""Any number of threads on any sessions, with C_Finalize at any moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sealwright import _native
from sealwright.cryptoki import CKK, CKM, CKR
from sealwright.pkcs11 import Module, Pkcs11Error
from tests.conftest import KEYS, Environment
from tests.gateway import Request, gateway_to
from tests.module.providers import Provider, initialised, private_key, public_key, type_of
from tests.server import ControlPlane

ENDED = {CKR.CRYPTOKI_NOT_INITIALIZED, CKR.SESSION_HANDLE_INVALID, CKR.OBJECT_HANDLE_INVALID}
MECHANISMS = {
    CKK.RSA: CKM.SHA256_RSA_PKCS,
    CKK.EC: CKM.ECDSA_SHA256,
    CKK.EC_EDWARDS: CKM.EDDSA,
}


def test_threads_sign_with_every_key_at_once(sealwright: Provider) -> None:
    def sign_and_verify(number: int) -> None:
        key = KEYS[number % len(KEYS)]
        data = str(number).encode()
        with sealwright.open(key) as session:
            mechanism = MECHANISMS[type_of(key)]
            signature = session.sign_parts(mechanism, private_key(session), [data[:1], data[1:]])
            session.verify(mechanism, public_key(session), data, signature)

    with ThreadPoolExecutor(12) as threads:
        assert len(list(threads.map(sign_and_verify, range(140)))) == 140


def test_threads_share_one_session(sealwright: Provider) -> None:
    """Each call is whole; which thread's operation it belongs to is the host's business."""
    native = sealwright.module.native
    with sealwright.open("p256") as session:
        key = private_key(session).handle

        def sign(_: int) -> int:
            begun = native.sign_init(session.handle, _native.Mechanism(CKM.ECDSA_SHA256), key)
            signed = native.sign(session.handle, b"data", _native.Buffer(64))
            return begun | signed

        with ThreadPoolExecutor(8) as threads:
            answers = set(threads.map(sign, range(60)))
        allowed = {CKR.OK, CKR.OPERATION_ACTIVE, CKR.OPERATION_NOT_INITIALIZED}
        both = {int(one) | int(other) for one in allowed for other in allowed}
        assert CKR.OK in answers
        assert answers <= both


def test_a_session_closed_by_another_thread_harms_nobody(sealwright: Provider) -> None:
    for _ in range(20):
        session = sealwright.open("p256")
        key = private_key(session)

        with ThreadPoolExecutor(1) as other:
            signing = other.submit(session.sign, CKM.ECDSA_SHA256, key, b"data")
            session.close()
            error = signing.exception()
        if error is not None:
            assert isinstance(error, Pkcs11Error)
            assert error.rv == CKR.SESSION_HANDLE_INVALID


def test_finalise_while_threads_sign(module: Module) -> None:
    for _ in range(5):
        module.initialize()
        number = module.slot("p256").number
        signed = threading.Semaphore(0)
        ends: list[int] = []

        def sign_until_the_end(number: int = number, signed: threading.Semaphore = signed) -> int:
            try:
                while True:
                    rv, handle = module.native.open_session(number, 4)
                    if rv != CKR.OK:
                        return rv
                    wanted = _native.Template()
                    wanted.add(0, (3).to_bytes(8, "little"))
                    found = _native.Numbers(1)
                    for rv in (
                        module.native.find_objects_init(handle, wanted),
                        module.native.find_objects(handle, found),
                        module.native.find_objects_final(handle),
                    ):
                        if rv != CKR.OK:
                            return rv
                    mechanism = _native.Mechanism(CKM.ECDSA_SHA256)
                    rv = module.native.sign_init(handle, mechanism, found.value[0])
                    if rv == CKR.OK:
                        rv = module.native.sign(handle, b"data", _native.Buffer(64))
                    if rv != CKR.OK:
                        return rv
            finally:
                signed.release()

        with ThreadPoolExecutor(6) as threads:
            running = [threads.submit(sign_until_the_end) for _ in range(6)]
            module.slots()
            module.finalize()
            ends = [each.result() for each in running]
        assert set(ends) <= ENDED


def test_waiting_for_an_answer_holds_no_other_session_up(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    asked, released = threading.Event(), threading.Event()

    def hold(request: Request, answer: bytes) -> bytes:
        if request.path.endswith("/sign") and not asked.is_set():
            asked.set()
            released.wait()
        return answer

    with gateway_to(control_plane, hold) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as module, ThreadPoolExecutor(1) as other:
            slot = module.slot("p256")
            waiting, session = slot.open(), slot.open()
            key = private_key(session)
            answer = other.submit(waiting.sign, CKM.ECDSA_SHA256, key, b"waits")
            try:
                assert asked.wait(30)
                assert slot.token().label == "p256"
                assert len(session.find()) == 5
                assert key.label == "p256"
                session.digest(CKM.SHA256, b"data")
                session.sign(CKM.ECDSA_SHA256, key, b"overtakes")
                slot.open().close()
                assert not answer.done()
            finally:
                released.set()
            session.verify(CKM.ECDSA_SHA256, public_key(session), b"waits", answer.result())
