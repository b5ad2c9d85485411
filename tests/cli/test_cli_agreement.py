"""The command line reads a variable or a key file as the module does: both take it, or neither.
Where it has a number of the server's, that is the server's."""

from pathlib import Path

import pytest

from controlplane.domain.ranges import DEFAULT_PAGE
from sealwright import _native
from sealwright.cli.signer import list_
from sealwright.client.connection import Connection
from sealwright.client.errors import MisconfiguredError
from tests.conftest import Environment

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
        _native.load_settings()
    except _native.SettingsError:
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
