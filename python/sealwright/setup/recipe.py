"""A tool's configuration and commands for one signer."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

ED25519 = "ed25519"


@dataclass(frozen=True, slots=True)
class Token:
    """A signer as tools meet it. `timestamps`: the URL of the RFC 3161 authority; None over a unix
    socket, which no tool can call."""

    module: str
    name: str
    slot: int
    key: str
    timestamps: str | None
    gnupg_home: str = "~/.gnupg"

    @property
    def quoted_module(self) -> str:
        return shlex.quote(self.module)

    @property
    def is_rsa(self) -> bool:
        return self.key.startswith("rsa")


@dataclass(frozen=True, slots=True)
class File:
    """What a tool reads; `path` may begin with `~/`. `is_shared`: it may hold settings of the
    user's own, and what is told here is added to it."""

    path: str
    text: str
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """`commands`: lines for a shell, with files of its user as app.jar, app.exe, app.bin."""

    files: Sequence[File]
    commands: Sequence[str]


class CannotSignError(Exception):
    """The tool cannot sign with keys of this kind; says so, and what can."""
