"""Calls that ask nobody, as fast as they go: `python -m bench.local MODULE SECONDS [PIN]`.

A process of its own for each measurement; prints calls a second of each kind as JSON.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

import msgspec

from bench import cold
from bench.systems import System
from bench.table import Row, row
from sealwright import _native
from sealwright.cryptoki import CKA, CKM, CKO
from sealwright.pkcs11 import Module, Session, Slot, check, template

_ROOT = Path(__file__).resolve().parents[1]
_ROUNDS = 5
_MIB = 2**20
_DATA = bytes(range(32))
_READ = (CKA.LABEL, CKA.ID, CKA.KEY_TYPE)


def rows(ours: System, theirs: System, seconds: float) -> Iterator[Row]:
    for kind, (mine, other) in measure(ours, theirs, seconds).items():
        yield row(kind, mine, "/s", beside=(theirs.name, other))
    requests = cold.requests_during(ours, lambda: run_for(ours, seconds / 10))
    requests -= cold.requests_during(ours, lambda: run_once(ours))
    yield row("HTTP requests of all of these", requests, "")


def measure(one: System, other: System, seconds: float) -> dict[str, tuple[float, float]]:
    """Calls a second of both: medians of rounds that take turns, each kind for so long in all."""
    rounds = [
        [_measured(system, seconds / _ROUNDS) for system in (one, other)] for _ in range(_ROUNDS)
    ]
    return {
        kind: (median(a[kind] for a, _ in rounds), median(b[kind] for _, b in rounds))
        for kind in rounds[0][0]
    }


def run_once(system: System) -> None:
    """Each kind of call once, after what has to come before."""
    _measured(system, 0)


def run_for(system: System, seconds: float) -> None:
    _measured(system, seconds)


def _measured(system: System, seconds: float) -> dict[str, float]:
    arguments = [str(system.module), str(seconds)]
    if system.pin is not None:
        arguments.append(system.pin)
    done = subprocess.run(
        [sys.executable, "-m", "bench.local", *arguments],
        env=system.environment,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=dict[str, float])


def _calls(slot: Slot, rsa_slot: Slot, pin: str | None) -> Mapping[str, Callable[[], None]]:
    native = slot.module.native
    session, rsa_session = slot.open(), rsa_slot.open()
    if pin is not None:
        session.login(pin)
        rsa_session.login(pin)
    key = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})
    private_key = template({CKA.CLASS: CKO.PRIVATE_KEY})
    room = _native.Template()
    for attribute in _READ:
        room.add_room(attribute, 64)
    large = bytes(_MIB)

    def find() -> None:
        check("C_FindObjectsInit", native.find_objects_init(session.handle, private_key))
        check("C_FindObjects", native.find_objects(session.handle, _native.Numbers(1)))
        check("C_FindObjectsFinal", native.find_objects_final(session.handle))

    def attributes() -> None:
        rv = native.get_attribute_value(session.handle, key.handle, room)
        check("C_GetAttributeValue", rv)

    def token() -> None:
        check("C_GetTokenInfo", native.get_token_info(slot.number)[0])

    def digest(data: bytes) -> None:
        mechanism = _native.Mechanism(CKM.SHA256)
        check("C_DigestInit", native.digest_init(session.handle, mechanism))
        check("C_Digest", native.digest(session.handle, data, _native.Buffer(32)))

    return {
        "find the private key": find,
        "read three attributes": attributes,
        "token information": token,
        "SHA-256 of 32 octets": lambda: digest(_DATA),
        "SHA-256 of 1 MiB": lambda: digest(large),
        "verify, p256": _verification(session, CKM.ECDSA),
        "verify, rsa-3072": _verification(rsa_session, CKM.SHA256_RSA_PKCS),
    }


def _verification(session: Session, mechanism: int) -> Callable[[], None]:
    native = session.module.native
    signature = session.sign(mechanism, session.find_one({CKA.CLASS: CKO.PRIVATE_KEY}), _DATA)
    key = session.find_one({CKA.CLASS: CKO.PUBLIC_KEY}).handle

    def verify() -> None:
        given = _native.Mechanism(mechanism)
        check("C_VerifyInit", native.verify_init(session.handle, given, key))
        check("C_Verify", native.verify(session.handle, _DATA, signature))

    return verify


def _rate(call: Callable[[], None], seconds: float) -> float:
    call()
    count, begin = 0, time.perf_counter()
    now, end = begin, begin + seconds
    while now < end:
        call()
        count, now = count + 1, time.perf_counter()
    return count / (now - begin) if count else 0.0


def main(module: str, seconds: str, pin: str | None = None) -> None:
    with Module(module) as loaded:
        calls = _calls(loaded.slot("p256"), loaded.slot("rsa-3072"), pin)
        rates = {kind: _rate(call, float(seconds)) for kind, call in calls.items()}
    sys.stdout.buffer.write(msgspec.json.encode(rates))


if __name__ == "__main__":
    main(*sys.argv[1:])
