"""A tool's whole life for one signature: start, find the key, sign, end."""

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import urllib3

from bench.systems import System, run
from bench.table import Goal, Milliseconds, Row, row, take_turns

_MECHANISMS = {"rsa-3072": "SHA256-RSA-PKCS", "p256": "ECDSA"}  # SoftHSM2 2.6 has no more
_GOAL = Goal(1.5, at_least=False)
_REQUESTS = re.compile(
    r'^sealwright_request_duration_seconds_count\{.*route="/v1/(?!health).*"\} ([0-9.e+]+)$', re.M
)


def sign_once(system: System, token: str, mechanism: str, scratch: Path) -> None:
    """`pkcs11-tool --sign` over a file of 32 octets. Raises RuntimeError."""
    document = scratch / "document"
    document.write_bytes(bytes(range(32)))
    options = ["--module", str(system.module), "--token-label", token]
    if system.pin is not None:
        options += ["--login", "--pin", system.pin]
    files = ["--input-file", str(document), "--output-file", str(scratch / "signature")]
    run(
        ["pkcs11-tool", *options, "--sign", "--mechanism", mechanism, *files],
        system.environment,
    )


def timed(system: System, token: str, mechanism: str, scratch: Path) -> Milliseconds:
    begin = time.perf_counter()
    sign_once(system, token, mechanism, scratch)
    return Milliseconds((time.perf_counter() - begin) * 1e3)


def rows(ours: System, theirs: System, scratch: Path, rounds: int) -> Iterator[Row]:
    for key, mechanism in _MECHANISMS.items():
        mine, other = take_turns(
            rounds,
            *(partial(timed, system, key, mechanism, scratch) for system in (ours, theirs)),
        )
        what = f"cold `pkcs11-tool --sign`, {key}"
        yield row(what, mine.ms, "ms", beside=(theirs.name, other.ms), goal=_GOAL)
    yield row("HTTP requests of a cold sign", requests_of_one(ours, "p256", scratch), "")


def requests_of_one(system: System, key: str, scratch: Path) -> int:
    """HTTP requests that the control plane counts while a tool signs once."""
    return requests_during(system, lambda: sign_once(system, key, _MECHANISMS[key], scratch))


def requests_during(system: System, what: Callable[[], None]) -> int:
    before = _requests(system)
    what()
    return _requests(system) - before


def _requests(system: System) -> int:
    answer = urllib3.request("GET", system.environment["SEALWRIGHT_URL"] + "/metrics")
    return sum(int(float(count)) for count in _REQUESTS.findall(answer.data.decode()))
