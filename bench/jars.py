"""`jarsigner` with a key of the control plane, of SoftHSM2, and of a PKCS#12 file."""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.systems import System, run
from bench.table import Goal, Milliseconds, Row, row, take_turns

_GOAL = Goal(1.15, at_least=False)
_PASSWORD = "bench-password"  # noqa: S105  # of a key that lives for this run
_ALIAS = "jar"
_CONFIGURATION = "name = Bench\nlibrary = {}\n{}"
_PROVIDER = ("-addprovider", "SunPKCS11", "-providerArg")


def rows(ours: System, theirs: System, scratch: Path, rounds: int) -> Iterator[Row]:
    jar = scratch / "unsigned.jar"
    (scratch / "hello.txt").write_text("Hello\n")
    run(["jar", "--create", f"--file={jar}", "-C", str(scratch), "hello.txt"], ours.environment)
    signing = [
        (ours.environment, _ours(ours, scratch)),
        (theirs.environment, _softhsm(theirs, scratch)),
        (ours.environment, _pkcs12(ours.environment, scratch)),
    ]
    mine, other, file = take_turns(
        rounds,
        *(
            partial(_timed, environment, [*keystore[:-1], str(jar), keystore[-1]], scratch)
            for environment, keystore in signing
        ),
    )
    yield row("jarsigner, rsa-3072", mine.ms, "ms", beside=("a PKCS#12 file", file.ms), goal=_GOAL)
    yield row("jarsigner, rsa-3072", mine.ms, "ms", beside=(theirs.name, other.ms))


def _timed(environment: Mapping[str, str], arguments: list[str], scratch: Path) -> Milliseconds:
    begin = time.perf_counter()
    signed = ["-signedjar", str(scratch / "signed.jar"), "-sigalg", "SHA256withRSA"]
    run(["jarsigner", *signed, *arguments], environment)
    return Milliseconds((time.perf_counter() - begin) * 1e3)


def _ours(system: System, scratch: Path) -> list[str]:
    configuration = scratch / "sealwright-java.cfg"
    configuration.write_text(_CONFIGURATION.format(system.module, "slot = 1\n"))
    keystore = ["-keystore", "NONE", "-storetype", "PKCS11", "-protected"]
    return [*keystore, *_PROVIDER, str(configuration), "rsa-3072"]


def _softhsm(system: System, scratch: Path) -> list[str]:
    """A token with a key and its certificate, as keytool makes them."""
    pin = str(system.pin)
    pins = ["--so-pin", pin, "--pin", pin]
    made = run(
        ["softhsm2-util", "--init-token", "--free", "--label", _ALIAS, *pins], system.environment
    )
    slot = made.decode().split()[-1]  # "… has been initialized and is reassigned to slot N"
    configuration = scratch / "softhsm-java.cfg"
    configuration.write_text(_CONFIGURATION.format(system.module, f"slot = {slot}\n"))
    keystore = ["-keystore", "NONE", "-storetype", "PKCS11", "-storepass", pin]
    provider = [*_PROVIDER, str(configuration)]
    _generate(system.environment, [*keystore, *provider])
    return [*keystore, *provider, _ALIAS]


def _pkcs12(environment: Mapping[str, str], scratch: Path) -> list[str]:
    keystore = ["-keystore", str(scratch / "bench.p12"), "-storetype", "PKCS12"]
    keystore += ["-storepass", _PASSWORD]
    _generate(environment, keystore)
    return [*keystore, _ALIAS]


def _generate(environment: Mapping[str, str], keystore: list[str]) -> None:
    key = ["-keyalg", "RSA", "-keysize", "3072", "-dname", "CN=Bench", "-alias", _ALIAS]
    run(["keytool", "-genkeypair", *key, *keystore], environment)
