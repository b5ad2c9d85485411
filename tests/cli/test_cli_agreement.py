"""The command line reads a variable or a key file as the module does: both take it, or neither.
Where it has a number of the server's, that is the server's."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from controlplane.domain.ranges import DEFAULT_PAGE
from sealwright import _native
from sealwright.cli.signer import list_
from sealwright.client.address import parse_address
from sealwright.client.client import Client
from sealwright.client.connection import Connection
from sealwright.client.errors import ClientError, MisconfiguredError, Refused
from sealwright.client.proxy import find_proxy
from sealwright.cryptoki import CKR
from sealwright.module import module_path
from sealwright.module.diagnosis import Diagnosis, SettingsError
from sealwright.pkcs11 import Module, Pkcs11Error
from tests.conftest import Environment
from tests.controlplane.authority import Authority

KEY = "swk_" + "k" * 43
TAKEN = [
    "http://h",
    "HTTPS://H.example:8443/base/",
    " http://h:1\r\n",
    "\ufeffhttp://h",
    "http://a, https://b,",
    "http://[::1]:8443",
    "http://[::ffff:127.0.0.1]",
    "http://[fe80::1%25Eth0]:1",
    "http://[fe80::1%eth0.7]",
    "http://[fe80::1%25]",
    "unix:/run/s.sock",
    "Unix:///run/s.sock",
]
REFUSED = [
    "h:1",
    "ftp://h",
    "http:/h",
    "http://",
    "http://:80",
    "http://h:",
    "http://h:0",
    "http://h:65536",
    "http://h:8x",
    "http://h h",
    "http://h\u00e9",
    "http://exa%6dple",
    "http://u:p@h",
    "http://h?q",
    "http://h/#f",
    "http://[::1",
    "http://[::1]x",
    "http://[zz]",
    "http://[fe80::1%]",
    "http://[fe80::1%a%b]",
    "http://h%25eth0",
    "unix:relative",
    "unix:/" + 107 * "x",
    ",",
]


def module_takes() -> bool:
    try:
        Diagnosis(module_path()).settings()
    except SettingsError:
        return False
    return True


def command_line_takes(**variables: str) -> bool:
    named = {f"SEALWRIGHT_{name.upper()}": value for name, value in variables.items()}
    try:
        Connection.resolve(named)
    except MisconfiguredError:
        return False
    return True


@pytest.mark.parametrize("url", TAKEN + REFUSED)
def test_on_urls(environment: Environment, url: str) -> None:
    environment.set(url=url, insecure="true")
    assert (module_takes(), command_line_takes(url=url)) == 2 * (url in TAKEN,)


@pytest.mark.parametrize("host", ["localhost", "127.9.9.9", "[::1%25lo]", "[::2]", "h", "127.1"])
@pytest.mark.parametrize("insecure", ["", "true", "ON\n", "0", " No "])
def test_on_where_a_key_may_go(environment: Environment, host: str, insecure: str) -> None:
    variables = {"url": f"http://{host}", "api_key": KEY, "insecure": insecure}
    environment.set(**variables)
    takes = host in {"localhost", "127.9.9.9", "[::1%25lo]"} or insecure in {"true", "ON\n"}
    assert (module_takes(), command_line_takes(**variables)) == (takes, takes)


@pytest.mark.parametrize(
    ("content", "mode", "takes"),
    [
        (KEY, 0o600, True),
        (f"\ufeff{KEY}\r\n", 0o400, True),
        (f"\t {KEY} \n\n", 0o600, True),
        (f"{KEY}\n{KEY}", 0o600, False),
        ("", 0o600, False),
        (KEY, 0o604, False),
        (KEY, 0o620, False),
    ],
)
def test_on_key_files(
    environment: Environment, tmp_path: Path, content: str, mode: int, takes: bool
) -> None:
    file = tmp_path / "api.key"
    file.write_text(content, newline="")
    file.chmod(mode)
    variables = {"url": "http://localhost", "api_key_file": f"{file}\n"}
    environment.set(**variables)
    assert (module_takes(), command_line_takes(**variables)) == (takes, takes)


def test_on_how_long_a_page_is_that_nobody_asked_for() -> None:
    limit = next(each for each in list_.params if each.name == "limit")
    assert limit.default == DEFAULT_PAGE


FAR = "https://sign.example"
PROXIES = [
    "http://proxy",
    "HTTP://Proxy.example:3128/path",
    " proxy:1 \r\n",
    "\ufeffhttp://proxy",
    "http://[::1]:3128",
    "http://u:p@proxy",
    "http://u@proxy:1",
    "http://:p@proxy",
    "http://@proxy",
    "http://u:p@ss@proxy",
    "http://u:pa#ss?@proxy",
    "http://u:p%3a%2Fss@proxy",
    "http://u:p%ff\u20ac@proxy",
    "u:p:q@proxy",
    # None of them is understood.
    "http://u:p/ss@proxy",
    "http://u:%zz@proxy",
    "http://u:%4@proxy",
    "http://u:%@proxy",
    "http://u%3ax:p@proxy",
    "socks5h://proxy",
    "https://proxy",
    "://proxy",
    "http://",
    "http://u:p@",
    "http://proxy:0",
    "http://pro xy",
    "http://proxy /",
    "http://proxy?q",
    "http://a,http://b",
]
TARGETS = [
    FAR,
    "https://SIGN.example:8443",
    "https://192.0.2.1",
    "https://[2001:db8::1]:8443",
    "https://[fe80::1%eth0]",
    # To these no proxy leads, understood or not.
    "https://127.0.0.1",
    "https://localhost",
    "http://sign.example",
    "unix:/run/s.sock",
]
EXCEPTIONS = [
    "*",
    " , ",
    "a.example ,\tSign.Example",
    ".example",
    "*.example",
    "*example",
    "*ign.example",
    "ign.example",
    "..example",
    "sign.example:443",
    "sign.example:8443",
    "sign.example:",
    "192.0.2.1",
    "192.0.2.1:443",
    "192.0.2.0/24",
    "192.0.2.0/024",
    "192.0.2.77/24",
    "192.0.2.0/255.255.255.0",
    "192.0.2.0/33",
    "192.0.2.0/",
    "192.0.2.0/2x",
    "0.0.0.0/0",
    "192.0.2.01",
    "2001:db8::1",
    "[2001:db8::1]",
    "[2001:DB8::1]:8443",
    "2001:db8::/32",
    "::/0",
    "fe80::1%eth0",
    "fe80::1",
    "a.example\nsign.example",
]


def as_the_module_goes(target: str) -> object:
    try:
        return _native.proxy_to(target)
    except _native.SettingsError:
        return "refused"


def as_the_command_line_goes(target: str) -> object:
    try:
        proxy = find_proxy(os.environ).way_to(parse_address(target))
    except MisconfiguredError:
        return "refused"
    return proxy and (proxy.url, proxy.credentials or "")


@pytest.fixture
def without_a_proxy(environment: Environment) -> Environment:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        environment.set_exactly({name: ""})
    return environment


@pytest.mark.parametrize("name", ["SEALWRIGHT_PROXY_URL", "HTTPS_PROXY"])
@pytest.mark.parametrize("proxy", PROXIES)
def test_they_understand_the_same_proxies(
    without_a_proxy: Environment, name: str, proxy: str
) -> None:
    without_a_proxy.set_exactly({name: proxy})
    ways = {target: as_the_module_goes(target) for target in TARGETS}
    assert {target: as_the_command_line_goes(target) for target in TARGETS} == ways
    is_understood = PROXIES.index(proxy) < PROXIES.index("http://u:p/ss@proxy")
    assert (ways[FAR] != "refused") is is_understood
    if name == "HTTPS_PROXY":
        assert ways["http://sign.example"] is None


@pytest.mark.parametrize("exceptions", EXCEPTIONS)
def test_they_go_straight_to_the_same_servers(
    without_a_proxy: Environment, exceptions: str
) -> None:
    without_a_proxy.set_exactly({"https_proxy": "proxy:1", "no_proxy": exceptions})
    ways = {target: as_the_module_goes(target) for target in TARGETS}
    assert {target: as_the_command_line_goes(target) for target in TARGETS} == ways


def test_of_two_variables_they_heed_the_same(without_a_proxy: Environment) -> None:
    without_a_proxy.set_exactly({"HTTPS_PROXY": "upper", "https_proxy": " \n"})
    assert as_the_command_line_goes(FAR) == as_the_module_goes(FAR) == ("http://upper", "")
    without_a_proxy.set_exactly({"https_proxy": "lower"})
    assert as_the_command_line_goes(FAR) == as_the_module_goes(FAR) == ("http://lower", "")
    without_a_proxy.set_exactly({"NO_PROXY": "*", "no_proxy": "nobody"})
    assert as_the_command_line_goes(FAR) == as_the_module_goes(FAR) == ("http://lower", "")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def url(authority: Authority) -> Iterator[str]:
    """Of a server whose certificate that authority has issued."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "127.0.0.1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answering = threading.Thread(target=_answer_all, args=(listener, context))
        answering.start()
        yield f"https://127.0.0.1:{port}"
        listener.shutdown(socket.SHUT_RDWR)
        answering.join()


class TestOnTheSystemsAuthorities:
    """Which servers are believed where no CA is named."""

    @pytest.fixture
    def believes(
        self, without_a_proxy: Environment, module_file: Path, url: str
    ) -> Callable[[], bool]:
        without_a_proxy.set(url=url, api_key=KEY, list_timeout="5")

        def believed() -> bool:
            """A server that is believed is asked, and gives a 404."""
            try:
                Client(Connection.resolve(os.environ)).whoami()
            except Refused:
                line = True
            except ClientError:
                line = False
            module = Module(module_file)
            try:
                with module, pytest.raises(Pkcs11Error, match="C_GetSlotList") as caught:
                    module.slots()
                assert caught.value.rv == CKR.FUNCTION_FAILED
            except Pkcs11Error:
                assert not line
            return line

        return believed

    @pytest.mark.parametrize(
        ("mode", "is_believed"), [(0o644, True), (0o664, False), (0o666, False)]
    )
    def test_in_a_file(
        self,
        without_a_proxy: Environment,
        authority: Authority,
        believes: Callable[[], bool],
        capfd: pytest.CaptureFixture[str],
        mode: int,
        is_believed: bool,
    ) -> None:
        authority.certificate.chmod(mode)
        without_a_proxy.set_exactly({"SSL_CERT_FILE": str(authority.certificate)})
        assert believes() is is_believed
        told_404 = re.search(r"\b404\b", capfd.readouterr().err)  # and no port that begins so
        assert (told_404 is not None) is is_believed

    def test_in_a_file_that_is_not_there(
        self, without_a_proxy: Environment, believes: Callable[[], bool]
    ) -> None:
        without_a_proxy.set_exactly({"SSL_CERT_FILE": "/no/such.pem"})
        assert not believes()
        with pytest.raises(MisconfiguredError, match=r"SSL_CERT_FILE names /no/such\.pem: No"):
            Client(Connection.resolve(os.environ)).whoami()

    @pytest.mark.parametrize(
        ("folder_mode", "file_mode", "is_believed"),
        [
            (0o755, 0o644, True),
            (0o755, 0o666, False),
            (0o777, 0o644, False),
            (0o1777, 0o644, True),
            (0o1777, 0o666, False),
        ],
    )
    def test_in_a_folder(
        self,
        without_a_proxy: Environment,
        authority: Authority,
        believes: Callable[[], bool],
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
        folder_mode: int,
        file_mode: int,
        is_believed: bool,
    ) -> None:
        (folder := tmp_path / "authorities").mkdir()
        Path(shutil.copy(authority.certificate, folder)).chmod(file_mode)
        subprocess.run(["openssl", "rehash", folder], check=True)
        folder.chmod(folder_mode)
        named = f"{tmp_path}/none:{folder}"
        without_a_proxy.set_exactly({"SSL_CERT_FILE": "", "SSL_CERT_DIR": named})
        assert believes() is is_believed
        told_404 = re.search(r"\b404\b", capfd.readouterr().err)  # and no port that begins so
        assert (told_404 is not None) is is_believed


_GONE = (
    b"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n"
    b"Content-Length: 40\r\n\r\n"
    b'{"status":404,"code":"x","title":"Gone"}'
)


def _answer_all(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with (
            connection,
            suppress(OSError),
            context.wrap_socket(connection, server_side=True) as tls,
        ):
            while tls.recv(1 << 16):
                tls.sendall(_GONE)
