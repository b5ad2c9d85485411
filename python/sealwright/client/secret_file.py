"""Secrets of the control plane's that callers hold, and the files that they are kept in."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from sealwright.client.environment import trimmed
from sealwright.client.errors import MisconfiguredError
from sealwright.client.private_file import changed_by_others, readable_by_others

LONGEST_FILE = 4096  # bytes


@dataclass(frozen=True, slots=True)
class SecretKind:
    """`name` goes with "an"."""

    name: str
    prefix: str

    @property
    def shape(self) -> str:
        return f"it is {self.prefix} and 43 letters or digits"

    def fits(self, text: str) -> bool:
        return re.fullmatch(rf"{self.prefix}[A-Za-z0-9]{{43}}", text) is not None


API_KEY = SecretKind("API key", "swk_")
ENROLMENT_CODE = SecretKind("enrolment code", "swe_")


def read_secret(path: Path, kind: SecretKind) -> str:
    """The secret in a file that nobody else can read or change.

    Raises:
        MisconfiguredError: unreadable, readable or changeable by others, or no such secret in it.
    """
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if stat.S_ISREG(facts.st_mode):
                if fault := changed_by_others(facts):
                    raise MisconfiguredError(f"{path}: {fault}")
                if readable_by_others(facts):
                    raise MisconfiguredError(
                        f"{path}: others on this machine can read this {kind.name} "
                        f"(mode {stat.S_IMODE(facts.st_mode):04o}): chmod 600 {path}"
                    )
            content = file.read(LONGEST_FILE)
    except OSError as fault:
        raise MisconfiguredError(f"{path}: cannot read the {kind.name}: {fault.strerror}") from None
    secret = trimmed(content.decode(errors="replace"))
    if not kind.fits(secret):
        raise MisconfiguredError(f"{path} does not hold an {kind.name}: {kind.shape}")
    return secret
