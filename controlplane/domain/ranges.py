"""How much there may be of something: one definition each, which schema, check, words and command
line read. Those of one noun stand with it; here are those that several share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers, both ends included."""

    least: int
    most: int

    def __contains__(self, number: int) -> bool:
        return self.least <= number <= self.most

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"


CERTIFICATE_DAYS = Range(1, 460)  # CA/B Forum Code Signing Baseline Requirements §6.3.2
DEFAULT_CERTIFICATE_DAYS = 365
DELETION = Range(86_400, 90 * 86_400)  # seconds in which a deletion can be taken back
DEFAULT_DELETION = 7 * 86_400
PROPOSAL_LIFETIME = 7 * 86_400  # seconds in which it can be approved
CHAIN = Range(1, 128 * 1024)  # characters of PEM
LARGEST_CHAIN = 2 * CHAIN.most  # octets of a file or body that holds one, escapes included
TEXT = Range(1, 2048)  # characters that say why
PAGE = Range(1, 1000)  # items
GROUP = Range(0, 256)  # users of one
DEFAULT_PAGE = 100
IDEMPOTENCY_KEY = Range(1, 255)  # characters
