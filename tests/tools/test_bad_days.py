"""Tools that start while the network or the control plane has a bad day: they just finish."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.gateway import Request, gateway_to, message
from tests.server import ControlPlane
from tests.tools.tool import Workbench

PATIENCE = 60.0  # seconds

Sign = Callable[[Workbench, int], None]
"""With the signer p256 in this slot; fails unless the tool succeeds."""


def with_jarsigner(bench: Workbench, slot: int) -> None:
    bench.must("jarsigner", *bench.java_store(slot), bench.jar("app"), "p256")


def with_pkcs11_tool(bench: Workbench, slot: int) -> None:
    bench.write("data", b"release 1.0\n")
    options = ("--sign", "--mechanism", "ECDSA-SHA256", "-i", "data", "-o", "signature")
    signed = bench.pkcs11_tool(slot, *options)
    assert signed.code == 0, signed.err
    assert len((bench.folder / "signature").read_bytes()) == 64


every_tool = pytest.mark.parametrize("sign", [with_jarsigner, with_pkcs11_tool])


def await_tries(log: Path, wanted: int) -> None:
    """Until the module has met a server that is not available so many times."""
    deadline = time.monotonic() + PATIENCE
    while not log.exists() or log.read_text().count("is not available") < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@every_tool
def test_a_server_that_is_down_while_the_tool_starts(
    workbench: Workbench, own_plane: ControlPlane, sign: Sign
) -> None:
    machine = own_plane.create_machine("builder")
    slot = own_plane.create_signer("p256", "p256", builder="operator").number
    log = workbench.folder / "module.log"
    bench = workbench.with_variables(
        url=own_plane.url, api_key=machine, log_level="debug", log_file=str(log), list_timeout="60"
    )
    own_plane.kill()
    with ThreadPoolExecutor(max_workers=1) as pool:
        signing = pool.submit(sign, bench, slot)
        await_tries(log, 4)
        own_plane.start(own_plane.again())
        signing.result()


@every_tool
def test_a_server_that_is_busy_eight_times(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int], sign: Sign
) -> None:
    asked = count()

    def busy(_: Request, answer: bytes) -> bytes:
        turn = next(asked)
        return answer if turn >= 8 else message((429, 502, 503)[turn % 3], b"{}")

    with gateway_to(control_plane, busy) as gateway:
        sign(workbench.with_variables(url=gateway.url), slots["p256"])


@every_tool
def test_a_server_that_stalls_after_its_first_answer_on_each_connection(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int], sign: Sign
) -> None:
    heard: set[int] = set()

    def stall(request: Request, answer: bytes) -> bytes | None:
        is_first = request.connection not in heard
        heard.add(request.connection)
        return answer if is_first else None

    with gateway_to(control_plane, stall) as gateway:
        sign(workbench.with_variables(url=gateway.url, request_timeout="8"), slots["p256"])
    assert len(heard) > 1


@pytest.fixture(scope="module")
def two_addresses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload."""
    library = tmp_path_factory.mktemp("resolver") / "two_addresses.so"
    source = Path(__file__).with_name("two_addresses.c")
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, str(source), "-o", str(library)], check=True)
    return library


@contextmanager
def swallowing(port: int) -> Iterator[None]:
    """127.0.0.2 answers nothing on this port: the queue of who listens there is full."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.2", port))
        listener.listen(0)
        for _ in range(4):
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(("127.0.0.2", port))
        yield


@every_tool
def test_a_server_whose_first_address_swallows_what_it_is_sent(
    workbench: Workbench,
    control_plane: ControlPlane,
    slots: dict[str, int],
    two_addresses: Path,
    sign: Sign,
) -> None:
    url = f"http://two.addresses.example:{control_plane.port}"
    bench = workbench.with_variables(url=url, insecure="true", connect_timeout="4")
    bench = replace(bench, environment={**bench.environment, "LD_PRELOAD": str(two_addresses)})
    with swallowing(control_plane.port):
        sign(bench, slots["p256"])
