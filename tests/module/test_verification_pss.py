"""C_Verify with RSASSA-PSS (RFC 8017 §8.1): every salt, every pair of hashes, every fault."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sealwright import _native
from sealwright.cryptoki import CKG, CKM, CKR
from sealwright.pkcs11 import pss
from tests.module.known_keys import Verifier, Verifiers

DATA = b"an artifact"
HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


@cache
def key_of(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def key_with_few_leading_ones() -> rsa.RSAPrivateKey:
    """A modulus that begins with 11: a block with its highest bit set can still be below it."""
    while True:
        key = rsa.generate_private_key(65537, 2048)
        if key.public_key().public_numbers().n >> 2046 == 0b11:
            return key


def hashing(name: str, salt: int, mgf: str | None = None) -> _native.Mechanism:
    return pss(CKM[f"{name}_RSA_PKCS_PSS"], CKM[name], CKG[f"MGF1_{mgf or name}"], salt)


def raw(name: str, salt: int, mgf: str | None = None) -> _native.Mechanism:
    return pss(CKM.RSA_PKCS_PSS, CKM[name], CKG[f"MGF1_{mgf or name}"], salt)


def sign(key: rsa.RSAPrivateKey, name: str, salt: int, mgf: str | None = None) -> bytes:
    scheme = padding.PSS(padding.MGF1(HASHES[mgf or name]), salt)
    return key.sign(DATA, scheme, HASHES[name])


def longest_salt(bits: int, name: str) -> int:
    return bits // 8 - HASHES[name].digest_size - 2


def opinions(verifier: Verifier, name: str, salt: int, signature: bytes) -> set[int]:
    """Of the mechanism that hashes and of the one that is given the digest."""
    digest = hashlib.new(name, DATA).digest()
    return {
        verifier.judge(hashing(name, salt), DATA, signature),
        verifier.judge(raw(name, salt), digest, signature),
    }


@pytest.mark.parametrize("name", HASHES)
def test_a_salt_of_any_length_that_fits_is_accepted_and_no_other(
    verifiers: Verifiers, name: str
) -> None:
    key = key_of(2048)
    verifier = verifiers.of(key.public_key())
    longest = longest_salt(2048, name)
    # SoftHSM2 takes a salt no longer than its limit, and one a mask of the same hash only.
    salts = range(longest + 1)
    for salt in salts:
        signature = sign(key, name, salt)
        assert opinions(verifier, name, salt, signature) == {CKR.OK}, salt
        for other in {max(salt - 1, 0), min(salt + 1, longest), 0, longest} - {salt}:
            assert opinions(verifier, name, other, signature) == {CKR.SIGNATURE_INVALID}, salt


@pytest.mark.parametrize("bits", [3072, 4096])
@pytest.mark.parametrize("name", HASHES)
def test_salts_at_the_limits_fit_larger_keys_too(
    verifiers: Verifiers, bits: int, name: str
) -> None:
    key = key_of(bits)
    verifier = verifiers.of(key.public_key())
    for salt in (0, 1, HASHES[name].digest_size, longest_salt(bits, name)):
        assert opinions(verifier, name, salt, sign(key, name, salt)) == {CKR.OK}


@pytest.mark.parametrize("provider_file", ["sealwright"], indirect=True)
@pytest.mark.parametrize("mgf", HASHES)
@pytest.mark.parametrize("name", HASHES)
def test_the_mask_may_have_another_hash_and_must_have_the_one_that_is_named(
    verifiers: Verifiers, name: str, mgf: str
) -> None:
    key = key_of(2048)
    verifier = verifiers.of(key.public_key())
    digest = hashlib.new(name, DATA).digest()
    signature = sign(key, name, 32, mgf)
    for named in HASHES:
        expected = CKR.OK if named == mgf else CKR.SIGNATURE_INVALID
        assert verifier.judge(hashing(name, 32, named), DATA, signature) == expected
        assert verifier.judge(raw(name, 32, named), digest, signature) == expected


@pytest.mark.parametrize("name", HASHES)
def test_another_hash_than_the_one_that_was_signed_is_refused(
    verifiers: Verifiers, name: str
) -> None:
    key = key_of(2048)
    verifier = verifiers.of(key.public_key())
    signature = sign(key, name, 20)
    for other in HASHES:
        expected = CKR.OK if other == name else CKR.SIGNATURE_INVALID
        assert opinions(verifier, other, 20, signature) == {expected}


@dataclass(frozen=True)
class Encoding:
    """EMSA-PSS with SHA-256 (RFC 8017 §9.1.1), right unless told otherwise."""

    salt: bytes = bytes(range(32))
    digest: bytes = hashlib.sha256(DATA).digest()
    zeros_before: bytes = bytes(8)  # the digest, in M'
    filling: int = 0  # octets before the separator
    separator: int = 1
    trailer: int = 0xBC
    highest_bit: int = 0
    spoil_hash: bool = False

    def block(self, length: int) -> bytes:
        seed = hashlib.sha256(self.zeros_before + self.digest + self.salt).digest()
        filling = bytes([self.filling]) * (length - len(self.salt) - 32 - 2)
        plain = filling + bytes([self.separator]) + self.salt
        mask = _mgf1(seed, len(plain))
        masked = bytearray(one ^ other for one, other in zip(plain, mask, strict=True))
        masked[0] = masked[0] & 0x7F | self.highest_bit << 7
        if self.spoil_hash:
            seed = seed[:-1] + bytes([seed[-1] ^ 1])
        return bytes(masked) + seed + bytes([self.trailer])


def _mgf1(seed: bytes, length: int) -> bytes:
    blocks = (
        hashlib.sha256(seed + counter.to_bytes(4)).digest() for counter in range(length // 32 + 1)
    )
    return b"".join(blocks)[:length]


RIGHT = Encoding()
FAULTS = {
    "a trailer of zero": replace(RIGHT, trailer=0),
    "a trailer of 0xCC": replace(RIGHT, trailer=0xCC),
    "a separator of 2": replace(RIGHT, separator=2),
    "a separator of 0": replace(RIGHT, separator=0),
    "filling of ones": replace(RIGHT, filling=1),
    "filling of 0xFF": replace(RIGHT, filling=0xFF),
    "a hash that is not the salt's": replace(RIGHT, spoil_hash=True),
    "the digest of something else": replace(RIGHT, digest=hashlib.sha256(b"else").digest()),
    "no zeros before the digest": replace(RIGHT, zeros_before=b""),
    "ones before the digest": replace(RIGHT, zeros_before=b"\1" * 8),
    "a salt that is longer": replace(RIGHT, salt=bytes(33)),
    "a salt that is shorter": replace(RIGHT, salt=bytes(31)),
    "no salt": replace(RIGHT, salt=b""),
    "the highest bit set": replace(RIGHT, highest_bit=1),
}


def open_sign(key: rsa.RSAPrivateKey, block: bytes) -> bytes:
    numbers = key.private_numbers()
    number = int.from_bytes(block)
    assert number < numbers.public_numbers.n
    return pow(number, numbers.d, numbers.public_numbers.n).to_bytes(len(block))


def below_modulus(key: rsa.RSAPrivateKey, encoding: Encoding) -> bytes:
    """The block; where its highest bit is set, with the first salt that makes it small enough."""
    salt = bytearray(encoding.salt)
    while True:
        block = replace(encoding, salt=bytes(salt)).block(256)
        if int.from_bytes(block) < key.public_key().public_numbers().n:
            return block
        salt[0] += 1


def test_a_fault_anywhere_in_the_encoding_is_refused(verifiers: Verifiers) -> None:
    key = key_with_few_leading_ones()
    verifier = verifiers.of(key.public_key())
    right = open_sign(key, RIGHT.block(256))
    assert opinions(verifier, "SHA256", 32, right) == {CKR.OK}
    answers = {
        what: opinions(verifier, "SHA256", 32, open_sign(key, below_modulus(key, fault)))
        for what, fault in FAULTS.items()
    }
    assert answers == {what: {CKR.SIGNATURE_INVALID} for what in FAULTS}


def test_numbers_that_are_no_signature_are_refused(verifiers: Verifiers) -> None:
    key = key_of(2048)
    verifier = verifiers.of(key.public_key())
    modulus = key.public_key().public_numbers().n
    right = int.from_bytes(sign(key, "SHA256", 32))
    numbers = (0, 1, modulus - 1, modulus, modulus + 1, 2**2048 - 1, modulus - right, right + 1)
    answers = [opinions(verifier, "SHA256", 32, number.to_bytes(256)) for number in numbers]
    assert answers == [{CKR.SIGNATURE_INVALID}] * len(numbers)


def test_a_signature_of_another_length_is_refused_for_that(verifiers: Verifiers) -> None:
    key = key_of(2048)
    verifier = verifiers.of(key.public_key())
    right = sign(key, "SHA256", 32)
    lengths = (b"", right[:-1], right[1:], right + b"\0", b"\0" + right, right * 2)
    answers = [opinions(verifier, "SHA256", 32, signature) for signature in lengths]
    assert answers == [{CKR.SIGNATURE_LEN_RANGE}] * len(lengths)


@pytest.mark.parametrize("provider_file", ["sealwright"], indirect=True)
@pytest.mark.parametrize("name", HASHES)
def test_a_digest_of_another_length_is_refused_for_that(verifiers: Verifiers, name: str) -> None:
    key = key_of(2048)
    verifier = verifiers.of(key.public_key())
    signature, length = sign(key, name, 20), HASHES[name].digest_size
    for wrong in (0, 1, length - 1, length + 1, 2 * length):
        assert verifier.judge(raw(name, 20), bytes(wrong), signature) == CKR.DATA_LEN_RANGE
