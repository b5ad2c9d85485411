"""Where a client calls, as whom, and what it refuses to do with a key."""

import os
from pathlib import Path

import pytest

from sealwright.client.address import NetworkAddress, SocketAddress, parse_addresses
from sealwright.client.connection import Connection
from sealwright.client.errors import MisconfiguredError
from tests.capability import STRANGER, Capability, needs

KEY = "swk_" + "a" * 43
OTHER_KEY = "swk_" + "b" * 43


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "api.key"
    path.touch(mode=0o600)
    path.write_text(f"{OTHER_KEY}\n")
    return path


def test_the_default_is_where_serve_listens_by_default() -> None:
    from controlplane.serving.settings import DEFAULT_BIND

    (address,) = Connection.resolve({}).addresses
    assert address.url == f"http://{DEFAULT_BIND}"


def test_an_option_wins_over_its_variable() -> None:
    environment = {"SEALWRIGHT_URL": "http://127.0.0.1:1"}
    assert Connection.resolve(environment).addresses[0].url == "http://127.0.0.1:1"
    given = Connection.resolve(environment, url="http://127.0.0.1:2")
    assert given.addresses[0].url == "http://127.0.0.1:2"


def test_an_empty_variable_counts_as_unset(key_file: Path) -> None:
    environment = {
        "SEALWRIGHT_URL": "",
        "SEALWRIGHT_API_KEY": "",
        "SEALWRIGHT_API_KEY_FILE": str(key_file),
        "SEALWRIGHT_CA_FILE": "",
        "SEALWRIGHT_INSECURE": "",
    }
    connection = Connection.resolve(environment)
    assert connection.addresses == Connection.resolve({}).addresses
    assert connection.api_key == OTHER_KEY
    assert connection.ca_file is None


def test_the_key_is_that_of_the_option_then_the_variable_then_the_variable_file(
    key_file: Path,
) -> None:
    environment = {"SEALWRIGHT_API_KEY": KEY, "SEALWRIGHT_API_KEY_FILE": str(key_file)}
    assert Connection.resolve(environment, api_key_file=str(key_file)).api_key == OTHER_KEY
    assert Connection.resolve(environment).api_key == KEY
    assert Connection.resolve({"SEALWRIGHT_API_KEY_FILE": str(key_file)}).api_key == OTHER_KEY


@pytest.mark.parametrize("mode", [0o604, 0o644])
def test_a_key_file_that_others_can_read_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(MisconfiguredError, match=f"others on this machine.*chmod 600 {key_file}"):
        Connection.resolve({}, api_key_file=str(key_file))


def test_a_key_file_of_root_may_be_for_a_group_of_the_process(key_file: Path) -> None:
    """As a pod gets it."""
    key_file.chmod(0o440)
    if Capability.GIVING_AWAY.is_here:
        assert Connection.resolve({}, api_key_file=str(key_file)).api_key == OTHER_KEY
        os.chown(key_file, 0, STRANGER)
    with pytest.raises(MisconfiguredError, match="others on this machine can read"):
        Connection.resolve({}, api_key_file=str(key_file))


def test_a_file_that_others_can_change_is_refused(key_file: Path) -> None:
    for mode in (0o620, 0o602):
        key_file.chmod(mode)
        for option in ("api_key_file", "ca_file", "client_cert", "client_key"):
            with pytest.raises(MisconfiguredError, match=f"{key_file}: .*chmod go-w"):
                Connection.resolve({}, **{option: str(key_file)})  # type: ignore[arg-type]


@needs(Capability.GIVING_AWAY)
def test_a_file_of_a_stranger_is_refused(key_file: Path) -> None:
    os.chown(key_file, STRANGER, 0)
    with pytest.raises(MisconfiguredError, match=f"belongs to user {STRANGER}"):
        Connection.resolve({}, ca_file=str(key_file))


@pytest.mark.parametrize("content", ["", "secret", KEY + "x", KEY[:-1], f"{KEY}\n{KEY}", "\xff"])
def test_what_is_no_key_is_refused_and_not_shown(key_file: Path, content: str) -> None:
    key_file.write_text(content)
    with pytest.raises(MisconfiguredError, match="does not hold an API key") as refused:
        Connection.resolve({}, api_key_file=str(key_file))
    assert not content or content not in str(refused.value)


def test_a_key_never_shows_in_a_representation() -> None:
    assert KEY not in repr(Connection.resolve({"SEALWRIGHT_API_KEY": KEY}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"])
def test_keys_go_to_loopback_over_plain_http(host: str) -> None:
    Connection.resolve({"SEALWRIGHT_API_KEY": KEY}, url=f"http://{host}:8443")


@pytest.mark.parametrize("host", ["192.0.2.1", "sign.example.org", "[2001:db8::1]", "[::]"])
def test_keys_go_no_further_over_plain_http(host: str) -> None:
    environment = {"SEALWRIGHT_API_KEY": KEY}
    with pytest.raises(MisconfiguredError, match="in clear"):
        Connection.resolve(environment, url=f"http://{host}")
    with pytest.raises(MisconfiguredError, match="in clear"):
        Connection.resolve(environment, url=f"http://127.0.0.1:1,http://{host}")
    Connection.resolve(environment, url=f"http://{host}", insecure=True)
    Connection.resolve(environment | {"SEALWRIGHT_INSECURE": "true"}, url=f"http://{host}")
    Connection.resolve(environment, url=f"https://{host}")
    Connection.resolve({}, url=f"http://{host}")


def test_a_variable_that_is_neither_yes_nor_no_is_refused() -> None:
    environment = {"SEALWRIGHT_API_KEY": KEY, "SEALWRIGHT_INSECURE": "maybe"}
    with pytest.raises(MisconfiguredError, match="SEALWRIGHT_INSECURE is true or false"):
        Connection.resolve(environment, url="http://192.0.2.1")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h:1", NetworkAddress("http://h:1", False, "h", 1, "")),
        ("https://h/", NetworkAddress("https://h", True, "h", 443, "")),
        ("https://h/base/", NetworkAddress("https://h/base", True, "h", 443, "/base")),
        ("http://[::1]:2", NetworkAddress("http://[::1]:2", False, "::1", 2, "")),
        ("unix:/run/s.sock", SocketAddress("unix:/run/s.sock", "/run/s.sock")),
        ("unix:///run/s.sock", SocketAddress("unix:///run/s.sock", "/run/s.sock")),
    ],
)
def test_urls_name_an_address(url: str, address: NetworkAddress | SocketAddress) -> None:
    assert parse_addresses(url) == (address,)


@pytest.mark.parametrize(
    "url",
    [
        "h:1",
        "ftp://h",
        "http://",
        "http://h:99999",
        "unix:here",
        "http://u:p@h",
        "http://h/?q",
        ",",
    ],
)
def test_what_is_no_url_of_a_control_plane_is_refused(url: str) -> None:
    with pytest.raises(MisconfiguredError):
        parse_addresses(url)
