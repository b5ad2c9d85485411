"""The way to a control plane through a proxy: the module's, and the command line's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwright.client.address import parse_address
from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.errors import UnreachableError
from sealwright.cryptoki import CKM
from sealwright.doctor import examine
from sealwright.pkcs11 import Module, Pkcs11Error
from tests.conftest import Environment
from tests.controlplane.authority import Authority
from tests.forward_proxy import ForwardProxy, forward_proxy_to
from tests.module.providers import initialised, private_key
from tests.server import ControlPlane, running

FAR = "192.0.2.1"
"""No machine has it (RFC 5737); the control plane's certificate is for it."""
CREDENTIALS = "builder@example:p:/ss"
ESCAPED = "builder%40example:p%3A%2Fss"


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, str]]]:
    """A control plane behind TLS: its port, and what a machine there sets to sign."""
    folder = tmp_path_factory.mktemp("far")
    certificate, key = (authority := Authority(folder)).issue("server", FAR)
    with running(folder / "plane") as plane:
        machine = plane.create_machine("builder")
        plane.create_signer("release", "p256", builder="operator")
        plane.stop()
        plane.serve_options = ("--tls-cert", str(certificate), "--tls-key", str(key))
        plane.start()
        ca_file = str(authority.certificate)
        yield plane.port, {"url": f"https://{FAR}", "api_key": machine, "ca_file": ca_file}


@pytest.fixture
def proxy(far: tuple[int, dict[str, str]], environment: Environment) -> Iterator[ForwardProxy]:
    port, variables = far
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        environment.set_exactly({name: ""})
    environment.set(**variables)
    with forward_proxy_to(port, CREDENTIALS) as opened:
        yield opened


def sign(module_file: Path) -> None:
    with initialised(module_file) as module, module.slot("release").open() as session:
        assert len(session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")) == 64


def test_a_signature_goes_through_the_proxy_of_the_environment(
    proxy: ForwardProxy, environment: Environment, module_file: Path
) -> None:
    environment.set_exactly({"HTTPS_PROXY": f"http://{ESCAPED}@{proxy.address}"})
    sign(module_file)
    assert proxy.asked == [f"{FAR}:443"]


def test_a_signature_goes_through_the_proxy_of_the_file_before_that_of_the_environment(
    proxy: ForwardProxy, environment: Environment, module_file: Path
) -> None:
    environment.set_exactly({"HTTPS_PROXY": "http://127.0.0.1:1"})
    environment.write_configuration(f'[proxy]\nurl = "http://{ESCAPED}@{proxy.address}"\n')
    sign(module_file)
    assert proxy.asked == [f"{FAR}:443"]


def test_what_no_proxy_names_goes_straight(
    proxy: ForwardProxy, environment: Environment, module_file: Path
) -> None:
    environment.set(connect_timeout="0.5", list_timeout="0.5")
    environment.set_exactly({"HTTPS_PROXY": f"http://{proxy.address}", "NO_PROXY": "192.0.2.0/24"})
    with initialised(module_file) as module, pytest.raises(Pkcs11Error):
        module.slots()
    assert proxy.asked == []


def test_a_proxy_that_wants_a_name_is_told_with_where_to_put_it(
    proxy: ForwardProxy,
    environment: Environment,
    module_file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    environment.set_exactly({"HTTPS_PROXY": f"http://somebody:s3cret@{proxy.address}"})
    with initialised(module_file) as module, pytest.raises(Pkcs11Error):
        module.slots()
    (line,) = capfd.readouterr().err.splitlines()
    assert f"proxy http://{proxy.address}: it does not accept this name and password" in line
    assert "SEALWRIGHT_PROXY_URL" in line
    assert "s3cret" not in line
    environment.set_exactly({"HTTPS_PROXY": f"http://{proxy.address}"})
    with initialised(module_file) as module, pytest.raises(Pkcs11Error):
        module.slots()
    assert "it asks for a name and a password" in capfd.readouterr().err


def test_a_proxy_that_cannot_be_understood_is_refused_at_the_start(
    environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.set(proxy_url="socks5://somebody:s3cret@proxy.example")
    assert Module(module_file).native.initialize() != 0
    (line,) = capfd.readouterr().err.splitlines()
    assert "SEALWRIGHT_PROXY_URL" in line
    assert "s3cret" not in line


def test_a_password_that_others_can_read_is_refused(
    environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = environment.write_configuration(f'[proxy]\nurl = "http://{ESCAPED}@proxy.example"\n')
    path.chmod(0o644)
    assert Module(module_file).native.initialize() != 0
    assert "chmod 600 it" in capfd.readouterr().err


class TestCommandLine:
    @pytest.fixture
    def variables(self, far: tuple[int, dict[str, str]]) -> dict[str, str]:
        return {f"SEALWRIGHT_{name.upper()}": value for name, value in far[1].items()}

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "SEALWRIGHT_PROXY_URL"])
    def test_a_call_goes_through_the_proxy(
        self, proxy: ForwardProxy, variables: dict[str, str], name: str
    ) -> None:
        through = {name: f"http://{ESCAPED}@{proxy.address}"}
        client = Client(Connection.resolve(variables | through))
        assert client.whoami().value.name == "builder"
        assert proxy.asked == [f"{FAR}:443"]

    def test_a_proxy_that_wants_a_name_is_told_with_where_to_put_it(
        self, proxy: ForwardProxy, variables: dict[str, str]
    ) -> None:
        through = {"HTTPS_PROXY": f"http://somebody:s3cret@{proxy.address}"}
        with pytest.raises(UnreachableError, match="does not accept this name") as refused:
            Client(Connection.resolve(variables | through)).whoami()
        assert "Correct name and password" in (refused.value.next_step or "")
        assert "s3cret" not in str(refused.value)
        through = {"HTTPS_PROXY": f"http://{proxy.address}"}
        with pytest.raises(UnreachableError, match="asks for a name and a password") as refused:
            Client(Connection.resolve(variables | through)).whoami()
        assert "SEALWRIGHT_PROXY_URL" in (refused.value.next_step or "")

    def test_a_fault_of_the_proxy_is_not_told_as_one_of_the_server(
        self, proxy: ForwardProxy, variables: dict[str, str]
    ) -> None:
        def fault(address: str) -> UnreachableError:
            through = {"HTTPS_PROXY": f"http://{address}"}
            with pytest.raises(UnreachableError) as caught:
                Client(Connection.resolve(variables | through)).whoami()
            assert "Check the proxy" in (caught.value.next_step or "")
            return caught.value

        assert str(fault("127.0.0.1:1")) == (
            f"https://{FAR}: proxy http://127.0.0.1:1: connection refused"
        )
        proxy.credentials, proxy.refusal = None, b"HTTP/1.1 403 Forbidden\r\n\r\n"
        assert str(fault(proxy.address)) == (
            f"https://{FAR}: proxy http://{proxy.address} opens no way there (403)"
        )
        proxy.refusal = b"220 mail.example ESMTP\r\n\r\n"
        assert str(fault(proxy.address)) == (
            f"https://{FAR}: proxy http://{proxy.address}: no answer that makes sense"
        )

    def test_a_proxy_that_is_out_of_the_way_need_not_make_sense(
        self, control_plane: ControlPlane
    ) -> None:
        variables = {"SEALWRIGHT_URL": control_plane.url, "HTTPS_PROXY": "socks5h://proxy"}
        variables["SEALWRIGHT_API_KEY"] = control_plane.admin_key
        assert Client(Connection.resolve(variables)).whoami().value.name == "admin"

    def test_doctor_says_which_way_it_went(
        self, proxy: ForwardProxy, environment: Environment
    ) -> None:
        environment.set_exactly({"HTTPS_PROXY": f"http://{ESCAPED}@{proxy.address}"})
        findings = {finding.text for finding in examine() if finding.check == "url"}
        way = f"through the proxy http://{proxy.address} of HTTPS_PROXY"
        assert findings == {f"https://{FAR} answers {way}"}
        environment.set_exactly({"HTTPS_PROXY": "http://127.0.0.1:1"})
        (finding,) = (finding for finding in examine() if finding.check == "url")
        assert finding.text == f"https://{FAR}: proxy http://127.0.0.1:1: connection refused"
        assert "Check the proxy" in (finding.next_step or "")

    @pytest.mark.parametrize(
        ("except_for", "host", "is_named"),
        [
            ("*", "sign.example", True),
            ("Example", "SIGN.example", True),
            (".example", "sign.example", True),
            ("*.example", "sign.example", True),
            ("ign.example", "sign.example", False),
            ("a.example, sign.example:443", "sign.example", True),
            ("sign.example:8443", "sign.example", False),
            ("192.0.2.0/24", FAR, True),
            ("198.51.100.0/24", FAR, False),
            ("", FAR, False),
        ],
    )
    def test_no_proxy_is_read_as_other_programs_do(
        self, except_for: str, host: str, is_named: bool
    ) -> None:
        environment = {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": except_for}
        target = parse_address(f"https://{host}")
        assert (Connection.resolve(environment).proxy.way_to(target) is None) is is_named
