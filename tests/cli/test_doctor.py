"""The doctor reads what the module reads, and says what to do about each fault."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sealwright.module
from sealwright.cryptoki import CKR
from sealwright.module.diagnosis import Diagnosis, LibraryError
from sealwright.pkcs11 import Module
from tests.cli.conftest import Caller, Run, run
from tests.cli.scripted_server import ScriptedServer, answer
from tests.conftest import Environment
from tests.controlplane.authority import Authority
from tests.module.providers import SOFTHSM
from tests.server import ControlPlane, running

KEY = "swk_" + "k" * 43


def doctor(tmp_path: Path, *arguments: str, **environment: str) -> Run:
    home = {"HOME": str(tmp_path), "SEALWRIGHT_CONFIG": ""}
    return run("module", "doctor", *arguments, environment=home | environment)


def told(ended: Run, check: str, state: str) -> str:
    """The text of the one finding of that kind."""
    (text,) = [
        each["text"]
        for each in json.loads(ended.out)["findings"]
        if (each["check"], each["state"]) == (check, state)
    ]
    return str(text)


def findings(ended: Run) -> list[tuple[str, str]]:
    return [(each["check"], each["state"]) for each in json.loads(ended.out)["findings"]]


def test_nothing_configured_is_told_with_what_to_set(tmp_path: Path) -> None:
    ended = doctor(tmp_path)
    assert ended.code == 1
    assert "fail  url: no control plane is configured\n      -> Set SEALWRIGHT_URL" in ended.out
    assert "fail  api key: none" in ended.out


@pytest.mark.parametrize(
    "text",
    [
        "url = = 1",
        "urls = 'x'",
        "[tls]\nca = 'x'",
        "[timeouts]\nrequest = 0",
        "url = 'http://sign.example'",
        f"api_key = '{KEY}x'",
        f"api_key = '{KEY}'\napi_key_file = 'x'",
        "api_key_file = 'absent.key'",
        "[signers]\nrelease = 0",
        "[approval]\nwait = '8d'",
    ],
)
def test_a_fault_is_told_in_the_words_of_the_module(
    environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    environment.write_configuration(text)
    assert Module(module_file).native.initialize() == CKR.GENERAL_ERROR
    line = capfd.readouterr().err.removeprefix("sealwright: ").removesuffix("\n")
    line = line.replace("swk_***", "swk_")  # lines are masked
    ended = doctor(environment.home, "--json")
    assert ended.code == 1
    assert told(ended, "configuration", "fail") == line
    assert KEY not in ended.out


def test_what_is_read_is_told(environment: Environment) -> None:
    file = environment.write_configuration(f"api_key = '{KEY}'\n[log]\nfile = 'module.log'\n")
    ended = doctor(environment.home, "--json", SEALWRIGHT_INSECURE="true\n")
    read = f"{file} is read; over it SEALWRIGHT_INSECURE"
    assert told(ended, "configuration", "ok") == read
    assert told(ended, "api key", "ok") == f"from {file}"
    assert told(ended, "log file", "ok") == f"lines go to {file.parent / 'module.log'}"


def test_a_folder_that_others_can_write_to_is_told(environment: Environment) -> None:
    file = environment.write_configuration(f"api_key = '{KEY}'")
    file.parent.chmod(0o777)
    ended = doctor(environment.home, "--json")
    assert f"others can write to {file.parent}," in told(ended, "configuration", "warn")


def test_a_log_file_that_cannot_be_opened_is_told(environment: Environment) -> None:
    file = environment.write_configuration(f"api_key = '{KEY}'\n[log]\nfile = 'none/log'\n")
    ended = doctor(environment.home, "--json")
    why = f"{file.parent / 'none/log'}: No such file or directory: lines go to stderr instead"
    assert told(ended, "log file", "warn") == why


def test_a_server_that_is_down_is_told(tmp_path: Path) -> None:
    ended = doctor(tmp_path, "--json", SEALWRIGHT_URL="http://127.0.0.1:1", SEALWRIGHT_API_KEY=KEY)
    assert ended.code == 1
    assert ("url", "fail") in findings(ended)


def test_a_clock_that_is_off_is_told(tmp_path: Path) -> None:
    date = "Date: Thu, 01 Jan 2026 00:00:00 GMT"
    said = answer("200 OK", b'{"status": "live"}', "application/json", date)
    with ScriptedServer(said) as server:
        ended = doctor(tmp_path, "--json", SEALWRIGHT_URL=server.url, SEALWRIGHT_API_KEY=KEY)
    assert ("clock", "warn") in findings(ended)


def test_an_address_of_one_interface_is_reached_by_client_and_module(
    tmp_path: Path, own_plane: ControlPlane
) -> None:
    own_plane.stop()
    own_plane.start("[::1]:0")
    url = f"HTTP://[::1%251]:{own_plane.port}"  # the interface by its number
    ended = doctor(tmp_path, "--json", SEALWRIGHT_URL=url, SEALWRIGHT_API_KEY=own_plane.admin_key)
    assert told(ended, "url", "ok") == f"{url} answers"
    assert told(ended, "module", "ok") == "tools see no tokens"


def test_an_unknown_key_is_told(tmp_path: Path, admin: Caller) -> None:
    ended = doctor(tmp_path, "--json", SEALWRIGHT_URL=admin.url, SEALWRIGHT_API_KEY=KEY)
    assert ended.code == 1
    assert ("url", "ok") in findings(ended)
    assert ("api key", "fail") in findings(ended)
    assert KEY not in ended.out + ended.err


def test_a_machine_that_may_sign_is_healthy(tmp_path: Path, admin: Caller) -> None:
    admin.json("identity", "create", "patient", "--kind", "machine", "--key-out",
                       str(tmp_path / "key"))  # fmt: skip
    admin.json("signer", "create", "healthy", "--key", "p256", "--common-name", "Healthy")
    admin.json("member", "add", "healthy", "patient", "--role", "operator")
    configured = {
        "SEALWRIGHT_URL": admin.url,
        "SEALWRIGHT_API_KEY_FILE": str(tmp_path / "key"),
    }
    ended = doctor(tmp_path, "--json", **configured)
    assert ended.code == 0, ended.out + ended.err
    diagnosis = json.loads(ended.out)
    assert diagnosis["healthy"] is True
    assert {finding["state"] for finding in diagnosis["findings"]} == {"ok"}
    assert diagnosis["findings"][-1]["text"] == "tools see healthy"

    admin.json("member", "add", "healthy", "patient", "--role", "auditor")
    ended = doctor(tmp_path, **configured)
    assert ended.code == 0
    assert "this identity may not sign" in ended.out


def test_a_key_that_ends_soon_is_told(tmp_path: Path, admin: Caller) -> None:
    key_file = tmp_path / "key"
    admin.run("identity", "key", "add", "admin", "--expires", "10d", "--key-out", key_file)
    configured = {"SEALWRIGHT_URL": admin.url, "SEALWRIGHT_API_KEY_FILE": str(key_file)}
    ended = doctor(tmp_path, "--json", **configured)
    assert ended.code == 0, ended.out + ended.err
    assert "of admin expires in 9 days" in told(ended, "api key", "warn")


def test_a_certificate_that_is_not_trusted_is_told_as_the_module_tells_it(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    certificate, key = Authority(tmp_path).issue("server", "127.0.0.1")
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with running(tmp_path_factory.mktemp("secure"), *options) as plane:
        ended = doctor(tmp_path, SEALWRIGHT_URL=plane.url, SEALWRIGHT_API_KEY=KEY)
    assert ended.code == 1
    assert "Name its CA with --ca-file or SEALWRIGHT_CA_FILE." in ended.out
    assert "the server's certificate comes from CN=Test Authority, which is not" in ended.out
    assert "Check the URL" not in ended.out


def test_a_port_that_speaks_no_tls_is_told(tmp_path: Path, admin: Caller) -> None:
    url = admin.url.replace("http:", "https:")
    ended = doctor(tmp_path, SEALWRIGHT_URL=url, SEALWRIGHT_API_KEY=KEY)
    assert "this port speaks plain HTTP, not TLS" in ended.out
    assert "write http:// in the URL" in ended.out
    assert "Check the URL" not in ended.out


def test_another_makers_module_is_told() -> None:
    with pytest.raises(LibraryError, match=r"libsofthsm2\.so is a PKCS#11 module, but not"):
        Diagnosis(SOFTHSM)


def test_a_library_that_is_no_module_is_told() -> None:
    (libc,) = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()
               if "/libc.so" in line or "/libc-" in line}  # fmt: skip
    with pytest.raises(LibraryError, match="is no PKCS#11 module"):
        Diagnosis(Path(libc))


def test_what_is_told_of_a_machine_alone_needs_python_alone(
    environment: Environment, module_file: Path
) -> None:
    """The folder sealwright/module under the name that it has in sealwright-module."""
    package = environment.home / "sealwright_module"
    shutil.copytree(Path(sealwright.module.__file__).parent, package)
    shutil.copy(module_file, package / module_file.name)
    file = environment.write_configuration(f"api_key = '{KEY}'\n")
    call = "from sealwright_module.__main__ import main; sys.exit(main())"
    script = f"import sys; sys.path.insert(0, sys.argv.pop(1)); {call}"
    command = [sys.executable, "-I", "-S", "-c", script, str(environment.home)]

    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        run = [*command, *arguments]
        return subprocess.run(run, capture_output=True, text=True, check=False)

    assert asked("path").stdout == f"{package / module_file.name}\n"
    ended = asked("doctor", "--json")
    assert (ended.returncode, ended.stderr) == (1, "")
    said = {each["check"]: each["text"] for each in json.loads(ended.stdout)["findings"]}
    assert said["configuration"] == f"{file} is read"
    assert said["api key"] == f"from {file}"
    assert KEY not in ended.stdout
    environment.set(url="http://127.0.0.1:1")
    told = asked("doctor").stdout
    assert "fail  module: C_" in told
    assert "Connection refused" in told
