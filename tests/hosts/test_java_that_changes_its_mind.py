"""Java programs that abandon, cancel, and end: SunPKCS11 of the JDK on our module."""

import subprocess
from pathlib import Path

import pytest

from tests.hosts.host import PATIENCE, SAID, Hosts, held_answer, listen, signatures_in, tell, verify
from tests.server import ControlPlane
from tests.tools.summary import jdk_cancels

SOURCE = Path(__file__).parent / "java" / "Host.java"
PLAIN = "SHA256withECDSAinP1363Format"  # r‖s, as the hosts in C give it
RAW = "NONEwithECDSAinP1363Format"


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-Xlint", "-Werror", "-d", folder, SOURCE], check=True)
    return folder


def command(
    hosts: Hosts, plane: ControlPlane, classes: Path, folder: Path, signer: str, *rest: str
) -> list[str]:
    number = plane.client().signer(signer).value.number
    configuration = folder / "sealwright.cfg"
    configuration.write_text(f"name = Sealwright\nlibrary = {hosts.module}\nslot = {number}\n")
    errors = f"-XX:ErrorFile={folder}/crash.log"
    return ["java", errors, "-cp", str(classes), "Host", str(configuration), signer, *rest]


GIVEN_UP = 10  # times, by each program
CANCELS = jdk_cancels()


@pytest.mark.parametrize(
    ("algorithm", "what", "refused", "rows"),
    [
        pytest.param(PLAIN, "forget", None, 1, id="forgotten"),
        pytest.param(RAW, "forget", None, 1, id="forgotten-raw"),
        # Java 17 ends what was begun with C_SignFinal, as it does to sign: nobody can tell.
        pytest.param(PLAIN, "begin-anew", 0, 1 if CANCELS else GIVEN_UP + 1, id="begun-anew"),
        # For raw algorithms it ends it with C_Sign over its whole buffer, which is no digest.
        pytest.param(RAW, "begin-anew", 0 if CANCELS else GIVEN_UP, 1, id="begun-anew-raw"),
    ],
)
def test_a_signature_is_given_up_and_the_next_one_is_made(
    hosts: Hosts,
    own_plane: ControlPlane,
    classes: Path,
    tmp_path: Path,
    algorithm: str,
    what: str,
    refused: int | None,
    rows: int,
) -> None:
    """docs/module.md says which way costs a row and a signing of a grant."""
    machine = own_plane.create_machine("builder")
    own_plane.create_signer("release", "p256", builder="operator")
    start = command(hosts, own_plane, classes, tmp_path, "release", algorithm, what)
    ended = hosts.run_command(start, url=own_plane.url, api_key=machine)
    said = [] if refused is None else [f"refused {refused}"]
    assert (ended.code, ended.lines, ended.err) == (0, said, "")
    assert set(ended.signatures) == {"kept"}
    if algorithm == PLAIN:
        verify(own_plane, "release", ended.signatures)
    assert [row.outcome for row in own_plane.signings("release")] == ["succeeded"] * rows


def test_a_task_that_is_cancelled_in_its_request_ends_well(
    hosts: Hosts, control_plane: ControlPlane, classes: Path, tmp_path: Path
) -> None:
    """Its signature comes, its thread stays interrupted, and signs again later."""
    with held_answer(control_plane) as (gateway, asked, released):
        start = command(hosts, control_plane, classes, tmp_path, "p256", PLAIN, "interrupt")
        with hosts.start(start, url=gateway.url) as host:
            assert asked.wait(PATIENCE)
            assert tell(host, until="cancelled") == ""
            released.set()
            out, err = host.communicate()
    assert (host.returncode, err) == (0, "")
    made = signatures_in(out)
    assert set(made) == {"interrupted", "again"}
    verify(control_plane, "p256", made)


def test_a_server_that_restarts_between_two_signatures_is_not_noticed(
    hosts: Hosts, own_plane: ControlPlane, classes: Path, tmp_path: Path
) -> None:
    machine = own_plane.create_machine("builder")
    own_plane.create_signer("release", "p256", builder="operator")
    start = command(hosts, own_plane, classes, tmp_path, "release", PLAIN, "restart")
    with hosts.start(start, url=own_plane.url, api_key=machine) as host:
        said = listen(host, until="signed")
        own_plane.stop()
        own_plane.start(own_plane.again())
        rest, err = host.communicate("go on\n")
    assert (host.returncode, err) == (0, "")
    assert [data for data, _ in SAID.findall(said + rest)] == ["before", "after"]
    verify(own_plane, "release", signatures_in(said + rest))


def test_a_virtual_machine_ends_while_its_threads_sign(
    hosts: Hosts, control_plane: ControlPlane, classes: Path, tmp_path: Path
) -> None:
    start = command(hosts, control_plane, classes, tmp_path, "p256", PLAIN, "exit")
    ended = hosts.run_command(start)
    assert (ended.code, ended.out, ended.err) == (42, "", "")
    assert not (tmp_path / "crash.log").exists()
