"""What a row commits to, in one column: of each value that the row has the hash (32 octets) and the
salt, in order. What SQLite needs to insert a row grows with its columns."""

from controlplane.domain.operation import Commitments, Entry

_HASH_OCTETS = 32
_OCTETS = _HASH_OCTETS + 16
_NOTHING = (None, None)


def write(of: Commitments) -> bytes | None:
    """None of a row that commits to nothing."""
    octets = b""
    if of.client_hash is not None and of.client_salt is not None:
        octets = bytes.fromhex(of.client_hash) + of.client_salt
    if of.credential_id_hash is not None and of.credential_id_salt is not None:
        octets += bytes.fromhex(of.credential_id_hash) + of.credential_id_salt
    if of.idempotency_key_hash is not None and of.idempotency_key_salt is not None:
        octets += bytes.fromhex(of.idempotency_key_hash) + of.idempotency_key_salt
    return octets or None


def read(column: bytes | None, entry: Entry) -> Commitments:
    """Those of the entry. Raises ValueError where they are not as many as it has values."""
    octets = bytes(column or b"")
    values = (entry.client, entry.credential, entry.idempotency_key)
    if len(octets) != _OCTETS * sum(value is not None for value in values):
        raise ValueError("a row has a commitment for each value")
    made: list[str | bytes | None] = []
    for value in values:
        if value is None:
            made += _NOTHING
        else:
            made += (octets[:_HASH_OCTETS].hex(), octets[_HASH_OCTETS:_OCTETS])
            octets = octets[_OCTETS:]
    return Commitments(*made)  # type: ignore[arg-type]  # in turn a hash and a salt
