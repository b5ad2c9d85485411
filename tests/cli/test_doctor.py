"""The doctor reads what the module reads, and says what to do about each fault."""

import json
from pathlib import Path

import pytest

from sealwright.client.errors import MisconfiguredError
from sealwright.module_config import ApprovalConfiguration, read_configuration
from tests.cli.conftest import Caller, Run, run
from tests.cli.scripted_server import ScriptedServer, answer
from tests.controlplane.authority import Authority
from tests.server import running

KEY = "swk_" + "k" * 43


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pkcs11.toml"
    path.touch(mode=0o600)
    return path


def read(config: Path, **environment: str) -> object:
    return read_configuration({"SEALWRIGHT_CONFIG": str(config), **environment})


def test_every_setting_is_read(config: Path, tmp_path: Path) -> None:
    config.write_text(
        f"""
        url = ["https://a", "https://b"]
        api_key = "{KEY}"
        login_required = true
        insecure = true
        [signers]
        release = 7
        [tls]
        ca_file = "/ca.pem"
        client_cert = "/c.pem"
        client_key = "/c.key"
        [timeouts]
        connect = 1
        request = 2.5
        list = 7
        [approval]
        request = true
        window = "8h"
        signings = 3
        justification = "release"
        wait = "10m"
        [log]
        level = "debug"
        file = "/tmp/sealwright.log"
        """
    )
    found = read_configuration({"SEALWRIGHT_CONFIG": str(config)})
    assert found.urls == ("https://a", "https://b")
    assert (found.api_key, found.key_source) == (KEY, str(config))
    assert (found.login_required, found.insecure) == (True, True)
    assert found.signers == {"release": 7}
    assert (found.ca_file, found.client_cert) == (Path("/ca.pem"), Path("/c.pem"))
    assert (found.connect_timeout, found.request_timeout, found.list_timeout) == (1, 2.5, 7)
    assert found.approval == ApprovalConfiguration(
        request=True, window=8 * 3600, signings=3, justification="release", wait=600
    )


def test_variables_win_over_the_file(config: Path) -> None:
    config.write_text('url = "https://a"\ninsecure = true\n[timeouts]\nrequest = 2\n')
    found = read_configuration(
        {
            "SEALWRIGHT_CONFIG": str(config),
            "SEALWRIGHT_URL": "https://b, https://c",
            "SEALWRIGHT_INSECURE": "false",
            "SEALWRIGHT_REQUEST_TIMEOUT": "9",
            "SEALWRIGHT_CONNECT_TIMEOUT": "",
            "SEALWRIGHT_API_KEY": KEY,
        }
    )
    assert found.urls == ("https://b", "https://c")
    assert found.insecure is False
    assert (found.connect_timeout, found.request_timeout) == (5, 9)
    assert found.key_source == "SEALWRIGHT_API_KEY"


def test_variables_of_an_approval_win_too(config: Path) -> None:
    config.write_text('[approval]\nrequest = true\nwindow = "8h"\nsignings = 3\nwait = "10m"\n')
    found = read_configuration(
        {
            "SEALWRIGHT_CONFIG": str(config),
            "SEALWRIGHT_APPROVAL_REQUEST": "false",
            "SEALWRIGHT_APPROVAL_WINDOW": "2d",
            "SEALWRIGHT_APPROVAL_SIGNINGS": "25",
            "SEALWRIGHT_APPROVAL_JUSTIFICATION": "Grüße",
            "SEALWRIGHT_APPROVAL_WAIT": "",
        }
    )
    assert found.approval == ApprovalConfiguration(
        request=False, window=2 * 24 * 3600, signings=25, justification="Grüße", wait=600
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("WINDOW", text)
            for text in ("0s", "31d", "8", "h", "1h30m", "-1h", "8 h", "9" * 30 + "s")
        ),
        *(("WAIT", text) for text in ("0m", "8d", "soon", "604801s")),
        *(("SIGNINGS", text) for text in ("0", "-1", "1000000001", "3.5", "many")),
        *(("JUSTIFICATION", text) for text in (" \t", "x" * 2049, "\udcff")),
    ],
)
def test_a_wrong_variable_of_an_approval_is_named(config: Path, name: str, value: str) -> None:
    with pytest.raises(MisconfiguredError, match=f"^SEALWRIGHT_APPROVAL_{name} must be "):
        read(config, **{f"SEALWRIGHT_APPROVAL_{name}": value})


def test_the_users_file_is_found_in_their_home(tmp_path: Path) -> None:
    own = tmp_path / ".config/sealwright/pkcs11.toml"
    own.parent.mkdir(parents=True)
    own.write_text('url = "https://own"')
    assert read_configuration({"HOME": str(tmp_path)}).path == own


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("url = = 1", "is no TOML: .*line 1"),
        ("urls = 'x'", "unknown field `urls`"),
        ("[tls]\nca = 'x'", "unknown field `ca` - at `tls`"),
        ("[timeouts]\nrequest = 0", ">= 0.1.*timeouts.request"),
        ("login_required = 'yes'", "Expected `bool`.*login_required"),
        (f"api_key = '{KEY}x'", "matching regex.*api_key"),
        (f"api_key = '{KEY}'\napi_key_file = 'x'", "name one of them"),
        ("[signers]\nrelease = 0", ">= 1.*signers"),
        ("[approval]\nwindow = '31d'", "window must be a duration from 1s to 30d.*approval"),
        ("[approval]\nwait = '8d'", "wait must be a duration from 1s to 7d.*approval"),
        ("[approval]\nwait = 600", "Expected `str.*approval.wait"),
        ("[approval]\nsignings = 0", ">= 1.*approval.signings"),
        ("[approval]\nsignings = 1000000001", "<= 1000000000.*approval.signings"),
        ("[approval]\njustification = ''", "justification must be a text of 1 to 2048.*approval"),
    ],
)
def test_a_fault_in_the_file_is_named_and_no_key_shown(config: Path, text: str, fault: str) -> None:
    config.write_text(text)
    with pytest.raises(MisconfiguredError, match=fault) as refused:
        read(config)
    assert str(config) in str(refused.value)
    assert KEY not in str(refused.value)


def test_a_file_with_a_key_that_others_can_read_is_refused(config: Path) -> None:
    config.write_text(f"api_key = '{KEY}'")
    config.chmod(0o644)
    with pytest.raises(MisconfiguredError, match="chmod 600"):
        read(config)


def doctor(tmp_path: Path, *arguments: str, **environment: str) -> Run:
    home = {"HOME": str(tmp_path), "SEALWRIGHT_CONFIG": ""}
    return run("module", "doctor", *arguments, environment=home | environment)


def findings(ended: Run) -> list[tuple[str, str]]:
    return [(each["check"], each["state"]) for each in json.loads(ended.out)["findings"]]


def test_nothing_configured_is_told_with_what_to_set(tmp_path: Path) -> None:
    ended = doctor(tmp_path)
    assert ended.code == 1
    assert "fail  url: no control plane is configured\n      -> Set SEALWRIGHT_URL" in ended.out
    assert "fail  api key: none" in ended.out


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
