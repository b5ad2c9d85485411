"""C_Verify with PKCS#1 v1.5: what stands under a padding is looked at, octet by octet."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from sealwright.cryptoki import CKM, CKR
from tests.module.known_keys import Verifier, Verifiers

DATA = b"an artifact"
DIGEST = hashlib.sha256(DATA).digest()

SEQUENCE, OID, NULL, OCTETS = 0x30, 0x06, 0x05, 0x04
SHA256 = bytes.fromhex("608648016503040201")
SHA512 = bytes.fromhex("608648016503040203")
SHA1 = bytes.fromhex("2b0e03021a")


@cache
def key_of(bits: int) -> rsa.RSAPrivateNumbers:
    return rsa.generate_private_key(65537, bits).private_numbers()


def length_of(key: rsa.RSAPrivateNumbers) -> int:
    return (key.public_numbers.n.bit_length() + 7) // 8


def sign(key: rsa.RSAPrivateNumbers, block: bytes) -> bytes:
    """Of any block below the modulus (RFC 8017 §5.1.2, the second form)."""
    number = int.from_bytes(block)
    of_p, of_q = pow(number, key.dmp1, key.p), pow(number, key.dmq1, key.q)
    signature = of_q + key.q * ((of_p - of_q) * key.iqmp % key.p)
    assert pow(signature, 65537, key.public_numbers.n) == number
    return signature.to_bytes(length_of(key))


def der(tag: int, *parts: bytes, long: bool = False) -> bytes:
    """`long`: one octet more than DER allows for a length."""
    content = b"".join(parts)
    assert len(content) < 0x80
    return bytes([tag, *([0x81] if long else []), len(content)]) + content


def digest_info(
    digest: bytes = DIGEST, oid: bytes = SHA256, parameters: bytes = bytes([NULL, 0])
) -> bytes:
    algorithm = der(SEQUENCE, der(OID, oid), parameters)
    return der(SEQUENCE, algorithm, der(OCTETS, digest))


def padded(length: int, content: bytes, *, start: bytes = b"\0\1", fill: int = 0xFF) -> bytes:
    """As long as the modulus."""
    filling = bytes([fill]) * (length - len(start) - 1 - len(content))
    return start + filling + b"\0" + content


def with_garbage_after(length: int, content: bytes, garbage: int) -> bytes:
    """The padding is so much shorter."""
    return padded(length - garbage, content) + b"\xab" * garbage


INFO = digest_info()
ALGORITHM = der(SEQUENCE, der(OID, SHA256), bytes([NULL, 0]))
LOOSE = {
    "outer length in the long form": der(SEQUENCE, ALGORITHM, der(OCTETS, DIGEST), long=True),
    "algorithm's length in the long form": der(
        SEQUENCE,
        der(SEQUENCE, der(OID, SHA256), bytes([NULL, 0]), long=True),
        der(OCTETS, DIGEST),
    ),
    "OID's length in the long form": der(
        SEQUENCE,
        der(SEQUENCE, der(OID, SHA256, long=True), bytes([NULL, 0])),
        der(OCTETS, DIGEST),
    ),
    "NULL's length in the long form": digest_info(parameters=bytes([NULL, 0x81, 0])),
    "digest's length in the long form": der(SEQUENCE, ALGORITHM, der(OCTETS, DIGEST, long=True)),
    "outer length indefinite": bytes([SEQUENCE, 0x80]) + ALGORITHM + der(OCTETS, DIGEST) + b"\0\0",
}
"""BER of the same value."""

OTHER = {
    "no NULL": digest_info(parameters=b""),
    "an empty sequence for NULL": digest_info(parameters=bytes([SEQUENCE, 0])),
    "a NULL with content": digest_info(parameters=bytes([NULL, 1, 0])),
    "two NULLs": digest_info(parameters=bytes([NULL, 0, NULL, 0])),
    "another digest": digest_info(hashlib.sha256(b"another artifact").digest()),
    "a digest cut short": digest_info(DIGEST[:-1]),
    "a digest that goes on": digest_info(DIGEST + b"\0"),
    "the name of SHA-512": digest_info(oid=SHA512),
    "the name of SHA-1": digest_info(oid=SHA1),
    "a BIT STRING for the digest": der(SEQUENCE, ALGORITHM, der(0x03, DIGEST)),
    "something after the digest": der(SEQUENCE, ALGORITHM, der(OCTETS, DIGEST), b"\x05\0"),
    "something after the whole": INFO + b"\0",
    "the whole cut short": INFO[:-1],
    "the digest alone": DIGEST,
    "nothing": b"",
}

BLOCKS: Mapping[str, Callable[[int], bytes]] = {
    "block type 0": lambda length: padded(length, INFO, start=b"\0\0", fill=0),
    "block type 2": lambda length: padded(length, INFO, start=b"\0\2"),
    "a first octet of 1": lambda length: padded(length, INFO, start=b"\1\1"),
    "no first octet": lambda length: padded(length, INFO, start=b"\1"),
    "padding of zeros": lambda length: padded(length, INFO, fill=0),
    "padding of 0xFE": lambda length: padded(length, INFO, fill=0xFE),
    "one octet of padding spoilt": lambda length: padded(length, INFO).replace(
        b"\xff\xff\0", b"\xff\x7f\0", 1
    ),
    "no octet between padding and content": lambda length: (
        b"\0\1" + b"\xff" * (length - 2 - len(INFO)) + INFO
    ),
    "padding of seven octets": lambda length: with_garbage_after(
        length, INFO, length - len(INFO) - 3 - 7
    ),
    "padding of eight octets": lambda length: with_garbage_after(
        length, INFO, length - len(INFO) - 3 - 8
    ),
    "no padding": lambda length: with_garbage_after(length, INFO, length - len(INFO) - 3),
    "one octet of garbage": lambda length: with_garbage_after(length, INFO, 1),
    "an octet of zero in the garbage": lambda length: (
        with_garbage_after(length, INFO, 1)[:-1] + b"\0"
    ),
}

HASHED = (CKM.SHA256_RSA_PKCS, DATA)
RAW = (CKM.RSA_PKCS, INFO)

mechanisms = pytest.mark.parametrize(
    ("mechanism", "data"), [pytest.param(*HASHED, id="hashed"), pytest.param(*RAW, id="raw")]
)
sizes = pytest.mark.parametrize("bits", [2048, 3072, 4096])


@pytest.fixture
def verifier(verifiers: Verifiers, bits: int) -> Verifier:
    return verifiers.of(key_of(bits).public_numbers.public_key())


@sizes
@mechanisms
def test_the_signature_that_is_right_is_accepted(
    verifier: Verifier, bits: int, mechanism: CKM, data: bytes
) -> None:
    key = key_of(bits)
    signature = sign(key, padded(length_of(key), INFO))
    assert verifier.judge(mechanism, data, signature) == CKR.OK


@pytest.mark.parametrize("bits", [2048, 3072])
@mechanisms
def test_what_is_not_that_very_content_is_refused(
    verifier: Verifier, bits: int, mechanism: CKM, data: bytes
) -> None:
    key = key_of(bits)
    contents = LOOSE | OTHER
    answers = {
        what: verifier.judge(mechanism, data, sign(key, padded(length_of(key), content)))
        for what, content in contents.items()
    }
    assert answers == dict.fromkeys(contents, CKR.SIGNATURE_INVALID)


@pytest.mark.parametrize("bits", [2048, 3072])
@mechanisms
def test_padding_that_is_not_whole_is_refused(
    verifier: Verifier, bits: int, mechanism: CKM, data: bytes
) -> None:
    key = key_of(bits)
    answers = {
        what: verifier.judge(mechanism, data, sign(key, block(length_of(key))))
        for what, block in BLOCKS.items()
    }
    assert answers == dict.fromkeys(BLOCKS, CKR.SIGNATURE_INVALID)


@sizes
@mechanisms
def test_numbers_that_are_no_signature_are_refused(
    verifier: Verifier, bits: int, mechanism: CKM, data: bytes
) -> None:
    key = key_of(bits)
    length, modulus = length_of(key), key.public_numbers.n
    right = int.from_bytes(sign(key, padded(length, INFO)))
    most = 2 ** (8 * length) - 1
    numbers = {
        "0": 0,
        "1": 1,
        "n − 1": modulus - 1,
        "n": modulus,
        "n + 1": modulus + 1,
        "the largest": most,
        "the right one, negated": modulus - right,
        "the right one, plus 1": right + 1,
    }
    answers = {
        what: verifier.judge(mechanism, data, number.to_bytes(length))
        for what, number in numbers.items()
    }
    assert answers == dict.fromkeys(numbers, CKR.SIGNATURE_INVALID)


@mechanisms
def test_a_signature_plus_the_modulus_is_refused(
    verifiers: Verifiers, mechanism: CKM, data: bytes
) -> None:
    """It is the same number modulo n, and one too large."""
    while True:
        key = rsa.generate_private_key(65537, 2048).private_numbers()
        right = int.from_bytes(sign(key, padded(256, INFO)))
        if right + key.public_numbers.n < 2**2048:
            break
    verifier = verifiers.of(key.public_numbers.public_key())
    assert verifier.judge(mechanism, data, right.to_bytes(256)) == CKR.OK
    too_large = (right + key.public_numbers.n).to_bytes(256)
    assert verifier.judge(mechanism, data, too_large) == CKR.SIGNATURE_INVALID


@sizes
@mechanisms
def test_a_signature_of_another_length_is_refused_for_that(
    verifier: Verifier, bits: int, mechanism: CKM, data: bytes
) -> None:
    key = key_of(bits)
    right = sign(key, padded(length_of(key), INFO))
    signatures = {
        "empty": b"",
        "one octet": right[:1],
        "one less": right[:-1],
        "one less, at the front": right[1:],
        "one more": right + b"\0",
        "one more, at the front": b"\0" + right,
        "twice": right * 2,
    }
    answers = {
        what: verifier.judge(mechanism, data, signature) for what, signature in signatures.items()
    }
    assert answers == dict.fromkeys(signatures, CKR.SIGNATURE_LEN_RANGE)


@pytest.mark.parametrize("mechanism", [CKM.SHA384_RSA_PKCS, CKM.SHA512_RSA_PKCS])
@pytest.mark.parametrize("bits", [2048])
def test_another_hash_than_the_mechanisms_is_refused(
    verifier: Verifier, bits: int, mechanism: CKM
) -> None:
    key = key_of(bits)
    signature = sign(key, padded(length_of(key), INFO))
    assert verifier.judge(mechanism, DATA, signature) == CKR.SIGNATURE_INVALID


@pytest.mark.parametrize("bits", [2048])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0", id="zero"),
        pytest.param(b"text", id="text"),
        pytest.param(DIGEST, id="bare-digest"),
        pytest.param(OTHER["no NULL"], id="digest-info-without-null"),
        pytest.param(digest_info(bytes(20), SHA1), id="sha1-digest-info"),
        pytest.param(INFO[:-1], id="cut-digest-info"),
        pytest.param(bytes(256 - 11), id="as-long-as-there-is-room"),
    ],
)
def test_raw_octets_are_compared_as_they_are(verifier: Verifier, bits: int, content: bytes) -> None:
    key = key_of(bits)
    signature = sign(key, padded(length_of(key), content))
    assert verifier.judge(CKM.RSA_PKCS, content, signature) == CKR.OK
    different = content[:-1] + bytes([content[-1] ^ 1]) if content else b"x"
    assert verifier.judge(CKM.RSA_PKCS, different, signature) == CKR.SIGNATURE_INVALID
