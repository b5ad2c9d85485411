"""What the image holds, and that it works as a user that nobody has heard of, with a root that
nobody can write to and secrets of root's.
"""

import json
import os
import select
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sealwright.client.client import Client
from sealwright.client.connection import Connection
from tests.controlplane.authority import Authority
from tests.image.conftest import REPOSITORY, SECONDS, Container

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="runc gives users only to root")
OWN_URL = "https://127.0.0.1:8443"
MOST_MEGABYTES = 60
FREE_PORT = ["--bind", "127.0.0.1:0"]


def test_it_initialises_serves_and_signs(container: Container, tmp_path: Path) -> None:
    begun = container.run("init")
    assert begun.returncode == 0, begun.stderr
    key = begun.stdout.split()[-1]

    # As secrets of a pod come: root's, readable by the container's group.
    authority = Authority(tmp_path)
    certificate, certificate_key = authority.issue("server", "127.0.0.1")
    secrets = {
        "tls.crt": certificate,
        "tls.key": certificate_key,
        "ca.crt": authority.certificate,
        "master.key": container.data / "sealwright" / "master.key",
    }
    for name, file in secrets.items():
        shutil.copy(file, container.secrets / name)
        (container.secrets / name).chmod(0o440)
    (container.data / "sealwright" / "master.key").unlink()
    (container.secrets / "api.key").write_text(key)
    (container.secrets / "api.key").chmod(0o440)

    before = {each.name for each in container.data.iterdir()}
    away = ["--master-key-file", "/etc/sealwright/master.key"]
    with container.running(*container.own_command, *FREE_PORT, *away) as serving:
        url = where(serving, container)
        assert told(container.run(*health_check(container, url))) == "ready\n"

        trusting = {"SEALWRIGHT_URL": url, "SEALWRIGHT_CA_FILE": str(authority.certificate)}
        client = Client(Connection.resolve(trusting | {"SEALWRIGHT_API_KEY": key}))
        client.create_signer("release", "p256", "ACME")
        client.add_member("release", "admin", "operator")
        sign(container, tmp_path, trusting | {"SEALWRIGHT_API_KEY": key}, client)

        called = ["--url", url, "--ca-file", "/etc/sealwright/ca.crt"]
        whoami = container.run("whoami", *called, "--api-key-file", "/etc/sealwright/api.key")
        assert "admin" in told(whoami)
        told(container.run("backup", "/data/today.sealwright", *away))
    assert serving.returncode == 0
    assert "Traceback" not in container.log
    assert {each.name for each in container.data.iterdir()} == {*before, "today.sealwright"}
    assert container.run(*health_check(container, url)).returncode == 3


def test_without_a_store_or_a_certificate_it_says_what_is_missing(container: Container) -> None:
    bare = container.run(*container.own_command[1:])
    assert bare.returncode == 2
    assert "--tls-cert: cannot read /etc/sealwright/tls.crt." in bare.stderr
    bare = container.run("serve", "--bind", "127.0.0.1:0")
    assert bare.returncode == 1
    assert "There is no store in /data/sealwright/sealwright.db" in bare.stderr
    bare = container.run("init", "--database", "postgresql://sealwright@127.0.0.1:1/sealwright")
    assert bare.returncode == 1
    assert "127.0.0.1" in bare.stderr
    assert "Traceback" not in bare.stderr


def test_docker_podman_and_skopeo_read_it(archive: Path, tmp_path: Path) -> None:
    named = [f"{way}:{archive}" for way in ("oci-archive", "docker-archive")]
    for number, image in enumerate(named):  # layers and their sums
        subprocess.run(["skopeo", "copy", "-q", image, f"oci:{tmp_path / str(number)}"], check=True)
    ways = [inspect(image) for image in named]
    assert ways[0]["config"] == ways[1]["config"]
    config = ways[0]["config"]
    assert config["User"].partition(":")[0] not in ("", "0", "root")
    assert list(config["Volumes"]) == ["/data"]
    assert config["Labels"]["org.opencontainers.image.version"] in archive.name
    assert archive.stat().st_size < MOST_MEGABYTES << 20


def test_it_holds_nothing_that_a_thief_could_use(container: Container) -> None:
    files = [each for each in container.root.rglob("*") if not each.is_symlink()]
    modes = {each: each.lstat().st_mode for each in files}
    assert not [str(each) for each, mode in modes.items() if mode & (stat.S_ISUID | stat.S_ISGID)]
    inside = {str(each.relative_to(container.root)) for each in files}
    assert {each for each in inside if each.startswith(("bin/", "usr/bin/"))} == {
        "usr/bin/python3.11",
        "usr/bin/sealwright",
    }
    writable = {
        str(each.relative_to(container.root))
        for each, mode in modes.items()
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX
    }
    assert writable == set()
    assert not [each for each in inside if each.startswith("var/lib/apt/lists/")]


def test_it_says_nothing_of_where_it_was_made(container: Container) -> None:
    found = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", str(REPOSITORY)]
    told_of = subprocess.run([*found, container.root], capture_output=True, text=True, check=False)
    assert (told_of.stdout, told_of.returncode) == ("", 1)


def test_all_that_is_compiled_of_python_is_there(container: Container) -> None:
    """For nothing can be kept at run time."""
    library = container.root / "usr/lib/python3/dist-packages"
    sources = list((library / "controlplane").rglob("*.py"))
    assert len(sources) > 100
    for source in sources:
        assert (source.parent / "__pycache__" / f"{source.stem}.cpython-311.pyc").exists(), source


def told(ended: "subprocess.CompletedProcess[str]") -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def where(serving: "subprocess.Popen[str]", container: Container) -> str:
    """Its URL, once it serves."""
    assert serving.stdout is not None
    readable, _, _ = select.select([serving.stdout], [], [], SECONDS)
    line = serving.stdout.readline() if readable else ""
    assert line.startswith("sealwright is listening on https://"), line + container.log
    return line.split()[-1]


def health_check(container: Container, url: str) -> list[str]:
    """Docker's, from the configuration, of a server at this URL instead of its own."""
    layout = container.unpacked.parent / "layout"
    (manifest,) = json.loads((layout / "manifest.json").read_text())
    test = json.loads((layout / manifest["Config"]).read_text())["config"]["Healthcheck"]["Test"]
    assert test[:3] == ["CMD", "sealwright", "health"]
    assert OWN_URL in test
    return [url if each == OWN_URL else each for each in test[2:]]


def inspect(image: str) -> Any:
    asked = ["skopeo", "inspect", "--config", image]
    return json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)


def sign(container: Container, folder: Path, variables: dict[str, str], client: Client) -> None:
    """With the image's own module, in this machine's pkcs11-tool."""
    module = container.root / "usr/lib/python3/dist-packages/sealwright/libsealwright-pkcs11.so"
    (folder / "data.txt").write_bytes(b"Hello")
    subprocess.run(
        [
            *("pkcs11-tool", "--module", module, "--token-label", "release", "--label", "release"),
            *("--sign", "--mechanism", "ECDSA-SHA256", "--signature-format", "openssl"),
            *("--input-file", folder / "data.txt", "--output-file", folder / "signature"),
        ],
        env=os.environ | variables,
        check=True,
        capture_output=True,
    )
    (folder / "leaf.pem").write_text(client.certificate("release").value.certificate)
    public = subprocess.run(
        ["openssl", "x509", "-in", folder / "leaf.pem", "-noout", "-pubkey"],
        check=True,
        capture_output=True,
    )
    (folder / "public.pem").write_bytes(public.stdout)
    verified = subprocess.run(
        [
            *("openssl", "dgst", "-sha256", "-verify", folder / "public.pem"),
            *("-signature", folder / "signature", folder / "data.txt"),
        ],
        check=True,
        capture_output=True,
    )
    assert verified.stdout == b"Verified OK\n"
