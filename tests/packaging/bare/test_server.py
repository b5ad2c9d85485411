"""The server's package in a Debian 12 that had nothing, from its installation to its purge."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bare import Bare, a_copy
from tests.test_readme import DEFAULT_PORT, README, blocks_of, free_port

UNIT = "/usr/lib/systemd/system/sealwright.service"
STORE = "/var/lib/sealwright"
APT = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq -y --no-install-recommends"
STATE = "cd /var/lib/sealwright && find . -type f | sort | xargs sha256sum"

SERVE = f"""
serve() {{
  command=$(sed -n 's/^ExecStart=//p' {UNIT})
  SERVE_OPTIONS=$(sed -n 's/^SERVE_OPTIONS=//p' /etc/sealwright/server.env)
  cd /
  eval "exec setpriv --reuid=sealwright --regid=sealwright --clear-groups $command" \\
    > /tmp/out 2> /tmp/log &
  cd /root/tour
  until grep -q 'is listening' /tmp/out; do
    kill -0 $! || {{ cat /tmp/log; exit 1; }}
    sleep 0.1
  done
}}
"""
"""As systemd starts it: by the unit, as the user, with the options of the file."""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with a_copy("bookworm", tmp_path / "root") as bare:
        bare.must("apt-get -qq update", tmp_path)
        yield bare


@pytest.fixture
def folder(tmp_path: Path, server_package: Path, module_package: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    shutil.copy(server_package, folder / "server.deb")
    shutil.copy(module_package, folder / "module.deb")
    return folder


def newer(package: Path, to: Path) -> None:
    """The same package in a higher version."""
    tree = to.with_suffix("")
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("Version: ", "Version: 9", 1))
    subprocess.run(["dpkg-deb", "--build", "-Znone", tree, to], check=True, capture_output=True)
    shutil.rmtree(tree)


def test_a_store_outlives_upgrade_removal_and_purge(bare: Bare, folder: Path) -> None:
    said = bare.must(f"{APT} install ./server.deb ./module.deb", folder)
    assert f"runuser -u sealwright -- sealwright init --data-dir {STORE}" in said

    port = free_port()
    bare.must(
        f"""
        mkdir /root/tour
        cd /root/tour
        runuser -u sealwright -- sealwright --json init --data-dir {STORE} > init.json
        sed 's/.*"api_key": *"\\([^"]*\\)".*/\\1/p' -n init.json > admin.key
        chmod 600 admin.key
        echo 'SERVE_OPTIONS=--bind 127.0.0.1:{port}' >> /etc/sealwright/server.env
        stat -c %U:%a {STORE} | grep -x sealwright:700
        """,
        folder,
    )
    bare.must(f"{APT} install default-jdk-headless", folder)
    tour = "\n".join(blocks_of(README, "Five minutes")[1:]).replace(DEFAULT_PORT, port)
    (folder / "tour").write_text(tour)
    toured = bare.must(f"{SERVE} serve; . /srv/tour; kill %1; wait", folder)
    assert "jar verified." in toured

    # A server goes on signing while its files are replaced beneath it.
    newer(folder / "server.deb", folder / "newer.deb")
    again = tour[tour.index("SEALWRIGHT_API_KEY_FILE=$PWD/builder.key") :].partition("\n\n")[0]
    (folder / "again").write_text(again.partition("sealwright ca")[0])
    bare.must(
        f"""{SERVE} serve
        export SEALWRIGHT_URL=http://127.0.0.1:{port} SEALWRIGHT_API_KEY_FILE=$PWD/admin.key
        . /srv/again
        (cd /srv; {APT} install ./newer.deb)
        . /srv/again
        kill %1; wait; serve
        . /srv/again
        sealwright audit verify
        sealwright --json audit list --kind sign > /srv/rows.json
        kill %1; wait
        """,
        folder,
    )
    assert (folder / "rows.json").read_text().count('"succeeded"') == 4
    options = bare.must("cat /etc/sealwright/server.env", folder)
    assert options.endswith(f"\nSERVE_OPTIONS=--bind 127.0.0.1:{port}\n")

    state = bare.must(STATE, folder)
    assert "master.key" in state
    bare.must(f"{APT} remove sealwright-server", folder)
    assert bare.must(STATE, folder) == state
    assert not (bare.root / "opt/sealwright").exists()
    said = bare.must(f"{APT} purge sealwright-server", folder)
    assert f"{STORE} holds a store, and stays" in said
    assert bare.must(STATE, folder) == state
    assert bare.must(f"stat -c %U {STORE}", folder) == "sealwright\n"
    assert not (bare.root / "etc/sealwright/server.env").exists()
    assert (bare.root / "etc/sealwright/pkcs11.toml").exists()

    # Installed again, it finds its store.
    said = bare.must(f"{APT} install ./server.deb", folder)
    assert "make the store" not in said


def test_without_a_store_nothing_is_left(bare: Bare, folder: Path) -> None:
    bare.must(f"{APT} install ./server.deb; {APT} purge sealwright-server", folder)
    for place in ("opt/sealwright", "var/lib/sealwright", "etc/sealwright", "usr/bin/sealwright"):
        assert not (bare.root / place).exists()
    assert "sealwright" not in (bare.root / "etc/passwd").read_text()


def test_somebodys_account_does_not_become_the_servers(bare: Bare, folder: Path) -> None:
    refused = bare.run(f"useradd -m sealwright; {APT} install ./server.deb", folder)
    assert refused.returncode != 0
    assert (
        "rename it (usermod --login), then: dpkg --configure sealwright-server"
        in refused.stdout + refused.stderr
    )
    bare.must("usermod --login somebody sealwright; groupmod -n somebody sealwright", folder)
    bare.must("dpkg --configure sealwright-server", folder)
    assert bare.must(f"stat -c %U:%a {STORE}", folder) == "sealwright:700\n"
    assert (
        bare.must(
            "find /home/somebody /home/sealwright -user sealwright 2> /dev/null || true", folder
        )
        == ""
    )


def test_a_folder_that_was_there_is_told_and_kept(bare: Bare, folder: Path) -> None:
    bare.must(f"install -d -o games {STORE}; touch {STORE}/theirs", folder)
    said = bare.must(f"{APT} install ./server.deb", folder)
    assert f"{STORE} was there, and is not the user sealwright's" in said
    assert bare.must(f"stat -c %U {STORE}", folder) == "games\n"
    bare.must(f"{APT} purge sealwright-server", folder)
    assert (bare.root / "var/lib/sealwright/theirs").exists()
