"""What is said to a witness, and what it answers (C2SP tlog-witness, `add-checkpoint`)."""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from controlplane.domain.witness import Cosignature, WitnessKey

_BEGINS = "\u2014 "
_TIME_OCTETS, _SIGNATURE_OCTETS = 8, 64
_LATEST = 253_402_300_799  # the last second of the year 9999
_MOST_DIGITS = 19


def submission(old: int, proof: Sequence[bytes], checkpoint: str) -> bytes:
    """`proof`: that the tree of `old` entries is the beginning of the one of the checkpoint, which
    is a signed note."""
    lines = [f"old {old}", *(b64encode(each).decode() for each in proof), "", checkpoint]
    return "\n".join(lines).encode()


def read_size(body: bytes) -> int:
    """Of an answer 409. ValueError."""
    digits = body.removesuffix(b"\n")
    if not digits.isdigit() or len(digits) > _MOST_DIGITS or str(int(digits)).encode() != digits:
        raise ValueError("the answer is no tree size")
    return int(digits)


def find_cosignature(body: bytes, key: WitnessKey, note: str) -> Cosignature:
    """Of an answer 200: that by this key over the text of the checkpoint, which is this signed
    note; lines of other keys are ignored. ValueError, in words, where there is none that holds."""
    text = note.partition("\n\n")[0] + "\n"
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError:
        raise ValueError("the answer is no text") from None
    for line in lines:
        signature = _signature_by(key, line)
        if signature is not None:
            return Cosignature(note, line, _verify(key, signature, text))
    raise ValueError(f"the answer has no signature by {key.name} ({key.id.hex()})")


def _signature_by(key: WitnessKey, line: str) -> bytes | None:
    start = f"{_BEGINS}{key.name} "
    if not line.startswith(start):
        return None
    encoded = line.removeprefix(start)
    try:
        octets = b64decode(encoded, validate=True)
    except (Error, ValueError):
        return None
    if octets[:4] != key.id or b64encode(octets).decode() != encoded:
        return None
    return octets[4:]


def _verify(key: WitnessKey, signature: bytes, text: str) -> datetime:
    """When it was made. ValueError."""
    wrong = ValueError(f"the signature by {key.name} ({key.id.hex()}) does not hold")
    if len(signature) != _TIME_OCTETS + _SIGNATURE_OCTETS:
        raise wrong
    seconds = int.from_bytes(signature[:_TIME_OCTETS])
    said = f"cosignature/v1\ntime {seconds}\n{text}".encode()
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature[_TIME_OCTETS:], said)
    except (InvalidSignature, ValueError):
        raise wrong from None
    if not 0 < seconds <= _LATEST:
        raise ValueError(f"{key.name} signed without a time")
    return datetime.fromtimestamp(seconds, UTC)
