"""Fork and exit: a child starts afresh, its parent does not notice, nobody crashes at the end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealwright.cryptoki import CKM, CKR
from sealwright.pkcs11 import Module
from tests.conftest import Environment
from tests.gateway import gateway_to
from tests.module.providers import Provider, initialised, private_key
from tests.server import ControlPlane

PATIENCE = 30  # seconds after which a child that hangs is killed by its alarm

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def in_child(work: Callable[[], bool]) -> bool:
    """Whether `work` came to its end in a fork and said yes."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def sign(module: Module) -> bytes:
    with module.slot("p256").open() as session:
        return session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")


def test_a_child_is_not_initialised_and_works_once_it_is(sealwright: Provider) -> None:
    module = sealwright.module
    with module.slot("p256").open() as session:
        key = private_key(session)
        session.sign(CKM.ECDSA_SHA256, key, b"before")

        def child() -> bool:
            not_initialised = module.native.get_info()[0] == CKR.CRYPTOKI_NOT_INITIALIZED
            ended = [module.native.finalize() for _ in range(2)]
            module.initialize()
            stale = module.native.get_session_info(session.handle)[0]
            signed = len(sign(module)) == 64
            module.finalize()
            return (
                not_initialised
                and ended == [CKR.OK, CKR.CRYPTOKI_NOT_INITIALIZED]
                and stale == CKR.SESSION_HANDLE_INVALID
                and signed
            )

        assert in_child(child)
        assert len(session.sign(CKM.ECDSA_SHA256, key, b"after")) == 64


def test_a_child_that_does_nothing_leaves_the_parents_connection_alone(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    with gateway_to(control_plane) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as module:
            sign(module)
            assert in_child(lambda: True)
            sign(module)
        assert gateway.connections == 1


def test_children_sign_over_connections_of_their_own(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    def child(module: Module) -> bool:
        module.initialize()
        return len({sign(module) for _ in range(3)}) == 3

    with gateway_to(control_plane) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as module:
            sign(module)
            for _ in range(3):
                assert in_child(lambda: child(module))
                sign(module)
            by_connection = {request.connection for request in gateway.requests}
        assert gateway.connections == len(by_connection) == 4


def test_a_child_forked_while_threads_sign_works(module: Module) -> None:
    module.initialize()
    stop = threading.Event()

    def keep_signing() -> int:
        count = 0
        while not stop.is_set():
            sign(module)
            count += 1
        return count

    def child() -> bool:
        module.initialize()
        return len(sign(module)) == 64

    with ThreadPoolExecutor(4) as threads:
        signing = [threads.submit(keep_signing) for _ in range(4)]
        try:
            outcomes = [in_child(child) for _ in range(20)]
        finally:
            stop.set()
        assert outcomes == [True] * 20
        assert all(each.result() > 0 for each in signing)


def test_a_grandchild_works_too(module: Module) -> None:
    module.initialize()
    sign(module)

    def grandchild() -> bool:
        module.initialize()
        return len(sign(module)) == 64

    def child() -> bool:
        module.initialize()
        sign(module)
        return in_child(grandchild)

    assert in_child(child)


ENDS = {
    "without-finalise": "",
    "finalise": "module.finalize()",
    "finalise-twice": "module.finalize(); module.native.finalize()",
    "finalise-then-unload": "module.finalize(); module.native.unload()",
    "unload-without-finalise": "module.native.unload()",
    "finalise-at-exit": "import atexit; atexit.register(module.native.finalize)",
    "exit-while-a-thread-signs": (
        # exit(3) itself: Python's own end would stop the thread at the interpreter's lock.
        "import ctypes, itertools, threading; one = threading.Semaphore(0); "
        "threading.Thread(target=lambda: [(sign(), one.release()) for _ in itertools.count()], "
        "daemon=True).start(); [one.acquire() for _ in range(3)]; ctypes.CDLL(None).exit(0)"
    ),
    "unload-before-a-thread-ends": (
        "import threading; go = threading.Event(); "
        "thread = threading.Thread(target=lambda: (sign(), ready.set(), go.wait())); "
        "ready = threading.Event(); thread.start(); ready.wait(); "
        "module.finalize(); module.native.unload(); go.set(); thread.join()"
    ),
    "load-again": (
        "module.finalize(); module.native.unload(); module = Module(sys.argv[1]); "
        "module.initialize(); sign()"
    ),
}
PROGRAM = """
import sys
from sealwright.cryptoki import CKA, CKM, CKO
from sealwright.pkcs11 import Module

module = Module(sys.argv[1])
module.initialize()

def sign():
    with module.slot("p256").open() as session:
        key = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})
        session.sign(CKM.ECDSA_SHA256, key, b"data")

sign()
"""


@pytest.mark.parametrize("end", ENDS.values(), ids=list(ENDS))
def test_no_process_crashes_when_it_ends(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    end: str,
) -> None:
    environment.set(url=control_plane.url, api_key=builder_key)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + end, str(module_file)],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_a_broken_pipe_does_not_kill_the_host(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    """SIGPIPE at its default, as in hosts that are not Python."""
    program = (
        "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        + PROGRAM
        + "import sys; print('ready', flush=True); sys.stdin.readline(); sign()"
    )
    with gateway_to(control_plane) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with subprocess.Popen(
            [sys.executable, "-c", program, str(module_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as host:
            assert host.stdout is not None
            assert host.stdout.readline() == b"ready\n"
            gateway.drop_connections()
            _, said = host.communicate(b"\n", timeout=PATIENCE)
        assert (host.returncode, said) == (0, b"")
