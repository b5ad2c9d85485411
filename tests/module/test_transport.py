"""How the module reaches its control plane: TLS with whom it trusts, or a local socket."""

import shutil
import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sealwright.cryptoki import CKM
from sealwright.pkcs11 import Module, Pkcs11Error
from tests.conftest import Environment
from tests.controlplane.authority import Authority
from tests.module.providers import initialised, private_key
from tests.server import ControlPlane, running

LIMIT = "2"  # seconds for a whole call


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def another_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("another-authority"))


@pytest.fixture(scope="module")
def secure(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[tuple[str, str]]:
    """URL of a control plane that asks callers for a certificate, and the key of a machine there.

    What is in it is made before, over plain HTTP.
    """
    folder = tmp_path_factory.mktemp("secure")
    certificate, key = authority.issue("server", "127.0.0.1")
    with running(folder) as plane:
        machine = plane.create_machine("builder")
        plane.create_signer("release", "p256", builder="operator")
        plane.stop()
        tls = ["--tls-cert", str(certificate), "--tls-key", str(key)]
        plane.serve_options = (*tls, "--client-ca", str(authority.certificate))
        plane.start()
        yield plane.url, machine


def list_and_sign(module: Module) -> None:
    with module.slot("release").open() as session:
        assert len(session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")) == 64


def refusal(module_file: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """The one line that says why the signers cannot be listed."""
    failure = pytest.raises(Pkcs11Error, match="C_GetSlotList: CKR_FUNCTION_FAILED")
    with initialised(module_file) as module, failure:
        module.slots()
    (line,) = capfd.readouterr().err.splitlines()
    return line


class TestHttps:
    @pytest.fixture(autouse=True)
    def configured(
        self, environment: Environment, secure: tuple[str, str], authority: Authority
    ) -> None:
        url, key = secure
        assert url.startswith("https://127.0.0.1:")
        certificate, certificate_key = authority.issue("machine", "127.0.0.9")
        environment.set(
            url=url,
            api_key=key,
            request_timeout=LIMIT,
            list_timeout=LIMIT,
            ca_file=str(authority.certificate),
            client_cert=str(certificate),
            client_key=str(certificate_key),
        )

    def test_a_trusted_server_is_used_with_a_client_certificate(self, module_file: Path) -> None:
        with initialised(module_file) as module:
            list_and_sign(module)

    def test_without_a_client_certificate_it_is_refused(
        self,
        environment: Environment,
        module_file: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        environment.set(client_cert="", client_key="")
        assert "the server asks for a client certificate" in refusal(module_file, capfd)

    def test_a_server_of_another_authority_is_not_trusted(
        self,
        environment: Environment,
        another_authority: Authority,
        module_file: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        environment.set(ca_file=str(another_authority.certificate), list_timeout="3600")
        line = refusal(module_file, capfd)
        assert "CN=Test Authority" in line
        assert "name its CA with SEALWRIGHT_CA_FILE" in line

    def test_without_a_ca_file_the_system_decides(
        self, environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        environment.set(ca_file="")
        assert "certificate" in refusal(module_file, capfd)

    def test_what_every_program_trusts_may_be_a_file_of_its_own(
        self, environment: Environment, authority: Authority, module_file: Path
    ) -> None:
        environment.set(ca_file="")
        environment.set_exactly({"SSL_CERT_FILE": str(authority.certificate)})
        with initialised(module_file) as module:
            list_and_sign(module)

    def test_what_every_program_trusts_may_be_folders_of_its_own(
        self, environment: Environment, authority: Authority, module_file: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "authorities"
        folder.mkdir()
        shutil.copy(authority.certificate, folder)
        subprocess.run(["openssl", "rehash", folder], check=True)
        environment.set(ca_file="")
        environment.set_exactly({"SSL_CERT_FILE": "", "SSL_CERT_DIR": f"{tmp_path}/none:{folder}"})
        with initialised(module_file) as module:
            list_and_sign(module)

    def test_a_file_of_its_own_that_is_not_there_is_named(
        self, environment: Environment, module_file: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        environment.set(ca_file="")
        environment.set_exactly({"SSL_CERT_FILE": "/no/such.pem"})
        assert "SSL_CERT_FILE names /no/such.pem: " in refusal(module_file, capfd)

    def test_a_certificate_for_another_name_is_not_accepted(
        self,
        environment: Environment,
        secure: tuple[str, str],
        module_file: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        environment.set(url=secure[0].replace("127.0.0.1", "localhost"))
        line = refusal(module_file, capfd)
        assert 'the server\'s certificate is for 127.0.0.1, not for "localhost"' in line

    def test_plain_http_to_a_tls_port_is_told(
        self,
        environment: Environment,
        secure: tuple[str, str],
        module_file: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        environment.set(url=secure[0].replace("https:", "http:"), list_timeout="3600")
        assert "this port speaks TLS: write https:// in the url" in refusal(module_file, capfd)

    def test_tls_to_a_plain_port_is_told(
        self,
        environment: Environment,
        control_plane: ControlPlane,
        module_file: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        environment.set(url=control_plane.url.replace("http:", "https:"), list_timeout="3600")
        assert "this port speaks plain HTTP, not TLS" in refusal(module_file, capfd)


def speaking(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """The context with this version of TLS only, deprecated or not."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    return context


@contextmanager
def tls_listener(
    authority: Authority, version: ssl.TLSVersion
) -> Iterator[tuple[int, list[str | None]]]:
    """A server that speaks one version of TLS only; its port, and the versions agreed on."""
    context = speaking(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), version)
    context.load_cert_chain(*authority.issue(f"server-{version.name}", "127.0.0.1"))
    agreed: list[str | None] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with (
                connection,
                suppress(OSError),
                context.wrap_socket(connection, server_side=True) as secured,
            ):
                agreed.append(secured.version())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], agreed
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_tls_before_1_2_is_not_spoken(
    environment: Environment,
    authority: Authority,
    module_file: Path,
    capfd: pytest.CaptureFixture[str],
    version: ssl.TLSVersion,
    spoken: bool,
) -> None:
    environment.set(api_key="swk_" + "A" * 43, list_timeout="1")
    environment.set(ca_file=str(authority.certificate))
    with tls_listener(authority, version) as (port, agreed):
        # Somebody who speaks this version gets through.
        client = ssl.create_default_context(cafile=str(authority.certificate))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            speaking(client, version).wrap_socket(connection, server_hostname="127.0.0.1").close()
        environment.set(url=f"https://127.0.0.1:{port}")
        assert refusal(module_file, capfd)  # it never answers
    assert len(agreed) > 1 if spoken else len(agreed) == 1


def test_a_unix_socket_is_used_like_a_network(
    environment: Environment, own_plane: ControlPlane, module_file: Path, tmp_path: Path
) -> None:
    key = own_plane.create_machine("builder")
    own_plane.create_signer("release", "p256", builder="operator")
    own_plane.stop()
    path = tmp_path / "s"
    own_plane.start(f"unix:{path}")
    environment.set(url=f"unix:{path}", api_key=key)
    with initialised(module_file) as module:
        list_and_sign(module)
