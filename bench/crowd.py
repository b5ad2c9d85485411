"""What a thousand signers cost a tool that signs with one of them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench import cold, systems
from bench.systems import System
from bench.table import Row, row, take_turns
from sealwright.client.client import Client

SIGNERS = 1000
_LAST = "last"
"""The signer that is used: a tool that looks for a token by label comes to it after the others."""


def rows(ours: System, scratch: Path, rounds: int) -> Iterator[Row]:
    one, every = _populate(ours)
    cold.sign_once(every, _LAST, "ECDSA", scratch)  # not the first to ask after all the changes
    alone, crowded = take_turns(
        rounds,
        *(partial(cold.timed, system, _LAST, "ECDSA", scratch) for system in (one, every)),
    )
    what = f"cold `pkcs11-tool --sign`, {SIGNERS:,} visible signers"
    yield row(what, crowded.ms, "ms", beside=("one visible signer", alone.ms))


def _populate(system: System) -> tuple[System, System]:
    """The same control plane for a machine that sees one signer, and for one that sees all."""
    admin = systems.administrator(system)
    keys = [systems.create_machine(admin, name) for name in ("one", "all")]
    for number in range(1, SIGNERS):
        _create_signer(admin, f"signer-{number}", "all")
    _create_signer(admin, _LAST, "all", "one")
    one, every = (replace(system, environment=_with_key(system.environment, key)) for key in keys)
    return one, every


def _create_signer(admin: Client, name: str, *members: str) -> None:
    admin.create_signer(name, "p256", f"Bench {name}")
    for member in members:
        admin.add_member(name, member, "operator")


def _with_key(environment: Mapping[str, str], api_key: str) -> dict[str, str]:
    return {**environment, "SEALWRIGHT_API_KEY": api_key}
