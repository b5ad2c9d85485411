"""C_Verify with ECDSA (FIPS 186-4 §6.4): numbers out of range, digests of every length."""

import hashlib
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from sealwright.cryptoki import CKM, CKR
from tests.module.known_keys import Verifier, Verifiers
from tests.module.weierstrass import CURVES, Curve

DATA = b"an artifact"
HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
DIGEST = hashlib.sha256(DATA).digest()


@cache
def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(CURVES[name].named)


@pytest.fixture(params=CURVES)
def name(request: pytest.FixtureRequest) -> str:
    """Of the curve."""
    return str(request.param)


@pytest.fixture
def curve(name: str) -> Curve:
    return CURVES[name]


@pytest.fixture
def key(name: str) -> ec.EllipticCurvePrivateKey:
    return key_of(name)


def joined(curve: Curve, r: int, s: int) -> bytes:
    return r.to_bytes(curve.length) + s.to_bytes(curve.length)


def sign(curve: Curve, key: ec.EllipticCurvePrivateKey, name: str = "SHA256") -> tuple[int, int]:
    """r and s over DATA."""
    return utils.decode_dss_signature(key.sign(DATA, ec.ECDSA(HASHES[name])))


def as_number(curve: Curve, digest: bytes) -> int:
    """Its leftmost bits, as many as n has."""
    spare = max(8 * len(digest) - curve.n.bit_length(), 0)
    return int.from_bytes(digest) >> spare


def test_a_signature_and_its_other_half_are_accepted(
    verifiers: Verifiers, curve: Curve, key: ec.EllipticCurvePrivateKey
) -> None:
    """Both r, s and r, n − s are signatures."""
    verifier = verifiers.of(key.public_key())
    r, s = sign(curve, key)
    assert verifier.judge(CKM.ECDSA, DIGEST, joined(curve, r, s)) == CKR.OK
    assert verifier.judge(CKM.ECDSA, DIGEST, joined(curve, r, curve.n - s)) == CKR.OK


def test_numbers_out_of_range_are_refused(
    verifiers: Verifiers, curve: Curve, key: ec.EllipticCurvePrivateKey
) -> None:
    verifier = verifiers.of(key.public_key())
    r, s = sign(curve, key)
    n, most = curve.n, 2 ** (8 * curve.length) - 1
    pairs = {
        "r is 0": (0, s),
        "s is 0": (r, 0),
        "both are 0": (0, 0),
        "r is n": (n, s),
        "s is n": (r, n),
        "both are n": (n, n),
        "r is n + 1": (n + 1, s),
        "s is n + 1": (r, n + 1),
        "r is p": (curve.p, s),
        "r is the largest": (most, s),
        "s is the largest": (r, most),
        "both are the largest": (most, most),
        "both are 1": (1, 1),
        "r is 1": (1, s),
        "s is 1": (r, 1),
        "r is n − 1": (n - 1, s),
        "r is negated": (n - r, s),
        "they are exchanged": (s, r),
        "r is one more": (r + 1, s),
        "s is one more": (r, s + 1),
    }
    if r + n <= most:
        pairs["r is n too large"] = (r + n, s)
    if s + n <= most:
        pairs["s is n too large"] = (r, s + n)
    answers = {
        what: verifier.judge(CKM.ECDSA, DIGEST, joined(curve, *pair))
        for what, pair in pairs.items()
    }
    assert answers == dict.fromkeys(pairs, CKR.SIGNATURE_INVALID)


@pytest.mark.parametrize("which", ["r", "s"])
def test_a_number_that_is_n_too_large_is_refused(
    verifiers: Verifiers, curve: Curve, which: str
) -> None:
    """With small numbers, so that there is room for it on every curve."""
    x, y = curve.point_from(curve.n + 1)
    r, s, e = x - curve.n, 5, as_number(curve, DIGEST)
    verifier = verifiers.of(curve.key_for((x, y), r, s, e))
    assert verifier.judge(CKM.ECDSA, DIGEST, joined(curve, r, s)) == CKR.OK
    larger = (r + curve.n, s) if which == "r" else (r, s + curve.n)
    answer = verifier.judge(CKM.ECDSA, DIGEST, joined(curve, *larger))
    assert answer == CKR.SIGNATURE_INVALID


def test_a_point_beyond_n_makes_a_small_r_that_is_accepted(
    verifiers: Verifiers, curve: Curve
) -> None:
    """x of the point is between n and p, r is x − n."""
    e = as_number(curve, DIGEST)
    for s in (1, 2, curve.n - 1):
        x, y = curve.point_from(curve.n + 1)
        verifier = verifiers.of(curve.key_for((x, y), x - curve.n, s, e))
        signature = joined(curve, x - curve.n, s)
        assert verifier.judge(CKM.ECDSA, DIGEST, signature) == CKR.OK


def test_a_signature_that_leads_to_no_point_is_refused(
    verifiers: Verifiers, curve: Curve, key: ec.EllipticCurvePrivateKey
) -> None:
    """e = −r·d: the sum is the point at infinity."""
    verifier = verifiers.of(key.public_key())
    d = key.private_numbers().private_value
    r = next(r for r in range(1, 2**16) if (-r * d % curve.n) < 2**512)
    digest = (-r * d % curve.n).to_bytes(min(curve.length, 64))
    answer = verifier.judge(CKM.ECDSA, digest, joined(curve, r, 12345))
    assert answer == CKR.SIGNATURE_INVALID


def test_a_digest_of_zeros_and_one_beyond_n_are_digests_like_others(
    verifiers: Verifiers, curve: Curve
) -> None:
    x, y = curve.point_from(curve.n + 1)
    r, s = x - curve.n, 7
    for digest in (bytes(32), b"\xff" * 32, bytes(64), b"\xff" * 64):
        key = curve.key_for((x, y), r, s, as_number(curve, digest))
        verifier = verifiers.of(key)
        assert verifier.judge(CKM.ECDSA, digest, joined(curve, r, s)) == CKR.OK
        different = bytes([digest[0] ^ 1]) + digest[1:]
        answer = verifier.judge(CKM.ECDSA, different, joined(curve, r, s))
        assert answer == CKR.SIGNATURE_INVALID


@pytest.mark.parametrize("hash_name", HASHES)
def test_of_a_digest_the_leftmost_bits_count(
    verifiers: Verifiers, curve: Curve, key: ec.EllipticCurvePrivateKey, hash_name: str
) -> None:
    verifier = verifiers.of(key.public_key())
    signature = joined(curve, *sign(curve, key, hash_name))
    digest = hashlib.new(hash_name, DATA).digest()
    assert verifier.judge(CKM.ECDSA, digest, signature) == CKR.OK
    if not verifiers.is_softhsm:  # 2.6 has no ECDSA with a hash
        assert verifier.judge(CKM[f"ECDSA_{hash_name}"], DATA, signature) == CKR.OK
    for place in range(len(digest)):
        different = digest[:place] + bytes([digest[place] ^ 1]) + digest[place + 1 :]
        expected = CKR.SIGNATURE_INVALID if place < curve.length else CKR.OK
        assert verifier.judge(CKM.ECDSA, different, signature) == expected, place


@pytest.mark.parametrize("provider_file", ["sealwright"], indirect=True)
@pytest.mark.parametrize("hash_name", HASHES)
def test_another_hash_than_the_mechanisms_is_refused(
    verifiers: Verifiers, curve: Curve, key: ec.EllipticCurvePrivateKey, hash_name: str
) -> None:
    verifier = verifiers.of(key.public_key())
    signature = joined(curve, *sign(curve, key, hash_name))
    for other in HASHES:
        answer = verifier.judge(CKM[f"ECDSA_{other}"], DATA, signature)
        assert answer == (CKR.OK if other == hash_name else CKR.SIGNATURE_INVALID)


def test_a_signature_of_another_length_is_refused_for_that(
    verifiers: Verifiers, curve: Curve, key: ec.EllipticCurvePrivateKey
) -> None:
    verifier = verifiers.of(key.public_key())
    r, s = sign(curve, key)
    right = joined(curve, r, s)
    signatures = {
        "empty": b"",
        "one octet": right[:1],
        "r alone": right[: curve.length],
        "one less": right[:-1],
        "one less, at the front": right[1:],
        "two less": right[:-2],
        "one more": right + b"\0",
        "one more, at the front": b"\0" + right,
        "a zero before each": b"\0" + right[: curve.length] + b"\0" + right[curve.length :],
        "twice": right * 2,
        "DER": utils.encode_dss_signature(r, s),
    }
    answers = {
        what: verifier.judge(CKM.ECDSA, DIGEST, signature) for what, signature in signatures.items()
    }
    assert answers == dict.fromkeys(signatures, CKR.SIGNATURE_LEN_RANGE)


@pytest.mark.parametrize("provider_file", ["sealwright"], indirect=True)
def test_numbers_without_leading_zeros_are_accepted_if_both_are_of_one_length(
    verifiers: Verifiers, curve: Curve
) -> None:
    """PKCS#11 v2.40 mechanisms §2.3.1: what is given to verify may be shorter."""
    x, y = curve.point_from(curve.n + 1)
    r, s = x - curve.n, 0xABCD
    verifier = verifiers.of(curve.key_for((x, y), r, s, as_number(curve, DIGEST)))
    answers = {
        length: verifier.judge(CKM.ECDSA, DIGEST, r.to_bytes(length) + s.to_bytes(length))
        for length in range(2, curve.length + 1)
    }
    assert answers == dict.fromkeys(answers, CKR.OK)
    uneven = r.to_bytes(1) + s.to_bytes(2)
    assert verifier.judge(CKM.ECDSA, DIGEST, uneven) == CKR.SIGNATURE_LEN_RANGE


@pytest.mark.parametrize("provider_file", ["sealwright"], indirect=True)
@pytest.mark.parametrize("length", [0, 65, 1000])
def test_what_is_no_digest_is_refused_for_its_length(
    verifiers: Verifiers, curve: Curve, key: ec.EllipticCurvePrivateKey, length: int
) -> None:
    verifier: Verifier = verifiers.of(key.public_key())
    signature = joined(curve, *sign(curve, key))
    assert verifier.judge(CKM.ECDSA, bytes(length), signature) == CKR.DATA_LEN_RANGE
