"""Other copies of OpenSSL in the host, and a configuration of theirs that loads our module."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.conftest import Secure
from tests.hosts.host import Hosts, verify

# Every program of the system's OpenSSL that reads it loads the engine, and the engine our module.
CONFIGURATION = """
openssl_conf = everything
[everything]
engines = engines
[engines]
pkcs11 = ours
[ours]
engine_id = pkcs11
dynamic_path = {engine}
MODULE_PATH = {module}
default_algorithms = ALL
init = 1
"""


def engine_file() -> Path:
    told = subprocess.run(["openssl", "version", "-e"], capture_output=True, text=True, check=True)
    return Path(told.stdout.partition('"')[2].partition('"')[0]) / "pkcs11.so"


@pytest.fixture
def configuration(tmp_path: Path, module_file: Path) -> Path:
    path = tmp_path / "openssl.cnf"
    path.write_text(CONFIGURATION.format(engine=engine_file(), module=module_file))
    return path


def with_openssl_conf(hosts: Hosts, configuration: Path) -> Hosts:
    environment = dict(hosts.environment) | {"OPENSSL_CONF": str(configuration)}
    return Hosts(hosts.folder, hosts.module, environment)


def test_openssl_signs_through_a_configuration_that_loads_the_module(
    hosts: Hosts, secure: Secure, configuration: Path, tmp_path: Path
) -> None:
    """The module's own TLS, in the same process, reads no OPENSSL_CONF."""
    data = tmp_path / "data"
    data.write_text("configured")
    ended = with_openssl_conf(hosts, configuration).run_command(
        [
            *("openssl", "dgst", "-sha256", "-engine", "pkcs11", "-keyform", "engine"),
            *("-sign", "pkcs11:token=p256;type=private", "-out", str(tmp_path / "signature")),
            str(data),
        ],
        **secure.variables,
    )
    assert ended.code == 0, ended
    certificate = tmp_path / "certificate.pem"
    certificate.write_text(secure.plane.client().certificate("p256").value.certificate)
    public = tmp_path / "public.pem"
    plain = {name: value for name, value in os.environ.items() if name != "OPENSSL_CONF"}
    subprocess.run(
        ["openssl", "x509", "-in", certificate, "-pubkey", "-noout", "-out", public],
        env=plain,
        check=True,
    )
    verified = subprocess.run(
        [
            "openssl",
            "dgst",
            "-sha256",
            "-verify",
            public,
            "-signature",
            tmp_path / "signature",
            data,
        ],
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.stdout == "Verified OK\n"


def test_a_host_that_knows_nothing_of_the_configuration_signs_under_it(
    hosts: Hosts, secure: Secure, configuration: Path
) -> None:
    """Nothing in that process reads it: neither the host nor our own OpenSSL."""
    ended = with_openssl_conf(hosts, configuration).run(
        "threads", "p256", "own", "4", "2", **secure.variables
    )
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    verify(secure.plane, "p256", ended.signatures)


# Three OpenSSL in one process: the interpreter's (`ssl`), that of the wheel of `cryptography`, and
# ours, which the interpreter's loads once more where OPENSSL_CONF tells it to.
THREE_OF_THEM = """
import hashlib, os, ssl, sys, urllib.request
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from sealwright.cryptoki import CKA, CKM, CKO, CKR
from sealwright.pkcs11 import Module

assert backend.openssl_version_text() != ssl.OPENSSL_VERSION
url = os.environ["SEALWRIGHT_URL"]
trusted = ssl.create_default_context(cafile=os.environ["SEALWRIGHT_CA_FILE"])
with open("/proc/self/maps") as maps:
    assert ("/pkcs11.so" in maps.read()) == ("OPENSSL_CONF" in os.environ)  # the engine
own = ec.generate_private_key(ec.SECP256R1())
module = Module(sys.argv[1])
begun = module.native.initialize()
assert begun in (CKR.OK, CKR.CRYPTOKI_ALREADY_INITIALIZED), begun

def sign(number):
    with module.slot("p256").open() as session:
        key = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})
        data = f"three-{number}"
        made = session.sign(CKM.ECDSA_SHA256, key, data.encode())
        os.write(1, f"signature {data} {made.hex()}\\n".encode())  # lines do not mix

def fetch(number):
    with urllib.request.urlopen(url + "/v1/health/live", context=trusted) as answer:
        assert answer.status == 200

def by_the_wheel(number):
    data = hashlib.sha256(str(number).encode()).digest()
    own.public_key().verify(own.sign(data, ec.ECDSA(hashes.SHA256())), data,
                            ec.ECDSA(hashes.SHA256()))

def each(number):
    (sign, fetch, by_the_wheel)[number % 3](number)

with ThreadPoolExecutor(9) as threads:
    list(threads.map(each, range(90)))
"""


@pytest.mark.parametrize("configured", [False, True], ids=["plain", "with-openssl-conf"])
def test_three_openssl_in_one_process_do_not_meet(
    hosts: Hosts, secure: Secure, configuration: Path, configured: bool
) -> None:
    host = with_openssl_conf(hosts, configuration) if configured else hosts
    command = [sys.executable, "-u", "-c", THREE_OF_THEM, str(hosts.module)]
    ended = host.run_command(command, **secure.variables)
    assert (ended.code, ended.lines, ended.err) == (0, [], "")
    assert set(ended.signatures) == {f"three-{number}" for number in range(0, 90, 3)}
    verify(secure.plane, "p256", ended.signatures)
