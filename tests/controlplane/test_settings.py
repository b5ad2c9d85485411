"""What `serve` accepts, and that it says everything that is wrong at once."""

from pathlib import Path

import pytest

from controlplane.serving.settings import InvalidSettings, Settings, TcpAddress, UnixAddress


def parse(**arguments: object) -> Settings:
    return Settings.parse(**({"data_dir": "data"} | arguments))  # type: ignore[arg-type]


def faults(**arguments: object) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as refused:
        parse(**arguments)
    return refused.value.faults


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1:8443", TcpAddress("127.0.0.1", 8443)),
        ("localhost:0", TcpAddress("localhost", 0)),
        ("[::1]:8443", TcpAddress("::1", 8443)),
    ],
)
def test_loopback_needs_no_tls(bind: str, address: TcpAddress) -> None:
    assert parse(bind=bind).bind == address


def test_a_unix_socket_needs_no_tls(tmp_path: Path) -> None:
    assert parse(bind=f"unix:{tmp_path}/s").bind == UnixAddress(tmp_path / "s")


@pytest.mark.parametrize("bind", ["0.0.0.0:8443", "[::]:8443", "signing.example:8443"])
def test_without_tls_nothing_but_loopback_unless_told(bind: str) -> None:
    (fault,) = faults(bind=bind)
    assert "--insecure" in fault
    assert parse(bind=bind, insecure=True).tls is None


@pytest.mark.parametrize(
    "bind", ["8443", ":8443", "127.0.0.1:", "127.0.0.1:x", "::1:8443", "h:65536"]
)
def test_a_malformed_address_is_refused(bind: str) -> None:
    (fault,) = faults(bind=bind)
    assert "HOST:PORT" in fault


def test_a_socket_path_that_the_system_cannot_take_is_refused() -> None:
    (fault,) = faults(bind="unix:/tmp/" + "x" * 120)
    assert "107 bytes" in fault


def test_certificate_and_key_go_together(tmp_path: Path) -> None:
    (fault,) = faults(tls_cert=tmp_path / "cert.pem")
    assert "go together" in fault


def test_a_key_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o644)
    (fault,) = faults(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    assert "chmod 600" in fault


def test_files_that_are_no_pem_are_refused(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nonsense")
        (tmp_path / name).chmod(0o600)
    (fault,) = faults(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    assert "PEM" in fault


def test_every_fault_is_reported_in_one_go() -> None:
    found = faults(bind="nowhere", workers=0, threads=1000, client_ca="ca.pem")
    assert [fault.split()[0] for fault in found] == [
        "--workers",
        "--threads",
        "--bind",
        "--client-ca",
    ]
