"""Other people's programs, run on our module against a real control plane."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RUN_SECONDS = 120
PASSWORD = "trusting"  # of a trust store that holds nothing secret


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Workbench:
    """A folder, the module, and the environment in which the tools run."""

    folder: Path
    module: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str | Path) -> Ended:
        """In the folder, with nobody to ask. The exit code is the caller's to judge."""
        assert shutil.which(str(arguments[0])), f"{arguments[0]} is not installed"
        done = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # so that there is no terminal either
            capture_output=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def must(self, *arguments: str | Path) -> str:
        """What it says on stdout; it must succeed."""
        ended = self.run(*arguments)
        assert ended.code == 0, f"{arguments}\n{ended.out}\n{ended.err}"
        return ended.out

    def pkcs11_tool(self, slot: int, *arguments: str | Path) -> Ended:
        return self.run("pkcs11-tool", "--module", self.module, "--slot", str(slot), *arguments)

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def with_variables(self, **variables: str) -> "Workbench":
        """SEALWRIGHT_ variables, named without their prefix, in lower case."""
        named = {f"SEALWRIGHT_{name.upper()}": value for name, value in variables.items()}
        return Workbench(self.folder, self.module, dict(self.environment) | named)

    # SunPKCS11 of the JDK, and what comes with it.

    def java_store(self, slot: int) -> list[str]:
        """Options that make keytool and jarsigner use one of our slots."""
        configuration = self.folder / f"slot-{slot}.cfg"
        configuration.write_text(f"name = Sealwright\nlibrary = {self.module}\nslot = {slot}\n")
        return [
            *("-J-Duser.language=en", "-keystore", "NONE", "-storetype", "PKCS11", "-protected"),
            *("-addprovider", "SunPKCS11", "-providerArg", str(configuration)),
        ]

    def trust_store(self, root: str) -> Path:
        """A Java trust store with this PEM certificate."""
        self.write("root.pem", root.encode())
        store = self.folder / "trust.p12"
        into: list[str | Path] = [
            "-keystore",
            store,
            "-storetype",
            "PKCS12",
            "-storepass",
            PASSWORD,
        ]
        self.must(
            "keytool", "-importcert", "-noprompt", "-alias", "root", "-file", "root.pem", *into
        )
        return store

    def jar(self, name: str) -> Path:
        """An unsigned JAR with two entries."""
        content = self.folder / f"{name}-content"
        content.mkdir()
        (content / "hello.txt").write_text("Hello\n")
        (content / "data.bin").write_bytes(os.urandom(100_000))
        self.must("jar", "--create", "--file", f"{name}.jar", "-C", content, ".")
        return self.folder / f"{name}.jar"
