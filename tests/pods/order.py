"""What test_pods.py and its driver tell each other."""

import msgspec

TRACEBACK = 99
"""The exit code of a command that ended by an exception."""


class Pod(msgspec.Struct):
    """What a command finds around it. `{folder}` stands for the one that can be written to.
    `cwd`: None for one that is gone. `closed`, `full`: standard descriptors."""

    name: str
    environment: dict[str, str]
    cwd: str | None = "/"
    closed: list[int] = []
    full: list[int] = []


class Order(msgspec.Struct):
    """`commands`: arguments, in which `{pod}` and what is `known` are filled in."""

    known: dict[str, str]
    pods: list[Pod]
    commands: list[list[str]]


class Ended(msgspec.Struct):
    pod: str
    command: list[str]
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        lines = " / ".join(each.strip() for each in self.err.splitlines()[-3:])
        return f"{self.pod}: sealwright {' '.join(self.command)}: {self.code}: {lines}"
