"""Private keys: sealed to one master key and one place; signatures that others verify."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from controlplane.algorithms.ecdsa import fit_digest
from controlplane.domain.keys import KeyReference, Purpose
from controlplane.domain.model import (
    EcdsaEncoding,
    HashAlgorithm,
    KeyAlgorithm,
    PssParameters,
    Scheme,
)
from controlplane.errors import Refused
from controlplane.keys.backend import KeyUnusableError
from controlplane.keys.encrypted import EncryptedKeys
from controlplane.keys.master_key import MasterKey, create_master_key, load_master_key
from tests.capability import STRANGER, Capability
from tests.world import a_call

HASHES: dict[HashAlgorithm, hashes.HashAlgorithm] = {
    HashAlgorithm.SHA256: hashes.SHA256(),
    HashAlgorithm.SHA384: hashes.SHA384(),
    HashAlgorithm.SHA512: hashes.SHA512(),
}
ORDERS = {  # SEC 2 §2.4.2, §2.5.1, §2.6.1
    KeyAlgorithm.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    KeyAlgorithm.P384: int(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
        "581a0db248b0a77aecec196accc52973",
        16,
    ),
    KeyAlgorithm.P521: int(
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        16,
    ),
}


@pytest.fixture(scope="module")
def keys() -> EncryptedKeys:
    return EncryptedKeys(MasterKey(b"m" * 32))


@pytest.fixture(scope="module")
def rsa_key(keys: EncryptedKeys) -> KeyReference:
    return keys.generate(KeyAlgorithm.RSA_2048, "signer", Purpose.SIGNER)


def public_rsa(key: KeyReference) -> rsa.RSAPublicKey:
    public = load_der_public_key(key.public_key)
    assert isinstance(public, rsa.RSAPublicKey)
    return public


def public_ec(key: KeyReference) -> ec.EllipticCurvePublicKey:
    public = load_der_public_key(key.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return public


class TestMasterKey:
    def test_is_a_file_for_its_owner_only(self, tmp_path: Path) -> None:
        created = create_master_key(tmp_path / "master.key")
        assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
        assert load_master_key(tmp_path / "master.key").check_value() == created.check_value()

    def test_is_never_overwritten(self, tmp_path: Path) -> None:
        create_master_key(tmp_path / "master.key")
        before = (tmp_path / "master.key").read_bytes()
        with pytest.raises(Refused, match="already"):
            create_master_key(tmp_path / "master.key")
        assert (tmp_path / "master.key").read_bytes() == before

    @pytest.mark.parametrize("mode", [0o604, 0o620, 0o602, 0o650])
    def test_is_refused_if_others_can_get_at_it(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "master.key"
        create_master_key(path)
        path.chmod(mode)
        with pytest.raises(Refused, match="chmod 600") as refused:
            load_master_key(path)
        assert refused.value.code == "master_key_unreadable"

    def test_may_be_roots_for_a_group_of_the_server(self, tmp_path: Path) -> None:
        """As a pod gets it."""
        path = tmp_path / "master.key"
        create_master_key(path)
        for mode in (0o640, 0o440):
            path.chmod(mode)
            if Capability.GIVING_AWAY.is_here:
                os.chown(path, 0, os.getegid())
                load_master_key(path)
                os.chown(path, 0, STRANGER)
            with pytest.raises(Refused, match="chmod 600"):
                load_master_key(path)

    @pytest.mark.parametrize("content", [b"", b"ab" * 31, b"AB" * 32, b"ab" * 33, b"\xff" * 64])
    def test_is_refused_if_it_is_something_else(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "master.key"
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(Refused, match="64 hexadecimal digits"):
            load_master_key(path)

    def test_says_which_file_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match=r"absent\.key"):
            load_master_key(tmp_path / "absent.key")

    def test_does_not_show_itself(self) -> None:
        assert "6d6d" not in repr(MasterKey(b"m" * 32))


class TestSealing:
    def test_a_key_opens_in_another_process_with_the_same_master_key(
        self, rsa_key: KeyReference
    ) -> None:
        again = EncryptedKeys(MasterKey(b"m" * 32)).open(rsa_key)
        assert again.public_key() == public_rsa(rsa_key)

    def test_a_handle_shows_nothing_of_the_key(self, keys: EncryptedKeys) -> None:
        key = keys.generate(KeyAlgorithm.P256, "signer", Purpose.SIGNER)
        opened = keys.open(key)
        assert isinstance(opened, ec.EllipticCurvePrivateKey)
        assert opened.private_numbers().private_value.to_bytes(32, "big") not in key.handle

    def test_another_master_key_opens_nothing(self, rsa_key: KeyReference) -> None:
        with pytest.raises(KeyUnusableError):
            EncryptedKeys(MasterKey(b"n" * 32)).open(rsa_key)

    def test_a_handle_is_of_no_use_elsewhere(
        self, keys: EncryptedKeys, rsa_key: KeyReference
    ) -> None:
        other = keys.generate(KeyAlgorithm.P256, "other", Purpose.SIGNER)
        for moved in (
            replace(rsa_key, owner="other"),
            replace(rsa_key, purpose=Purpose.AUTHORITY),
            replace(rsa_key, public_key=other.public_key),
        ):
            with pytest.raises(KeyUnusableError):
                keys.open(moved)

    @pytest.mark.parametrize("position", [0, 1, 13, -1])
    def test_a_changed_handle_does_not_open(self, rsa_key: KeyReference, position: int) -> None:
        handle = bytearray(rsa_key.handle)
        handle[position] ^= 1
        with pytest.raises(KeyUnusableError):
            EncryptedKeys(MasterKey(b"m" * 32)).open(replace(rsa_key, handle=bytes(handle)))

    @pytest.mark.parametrize("length", [0, 1, 13, 20])
    def test_a_cut_handle_does_not_open(self, rsa_key: KeyReference, length: int) -> None:
        with pytest.raises(KeyUnusableError):
            EncryptedKeys(MasterKey(b"m" * 32)).open(
                replace(rsa_key, handle=rsa_key.handle[:length])
            )

    def test_a_forgotten_key_comes_back(self, keys: EncryptedKeys, rsa_key: KeyReference) -> None:
        keys.open(rsa_key)
        keys.forget()
        assert keys.open(rsa_key).public_key() == public_rsa(rsa_key)


class TestRsa:
    @pytest.mark.parametrize("hash_", list(HASHES))
    def test_pkcs1v15(
        self, keys: EncryptedKeys, rsa_key: KeyReference, hash_: HashAlgorithm
    ) -> None:
        digest = hashlib.new(hash_.value, b"data").digest()
        call = a_call(scheme=Scheme("rsa-pkcs1v15"), hash=hash_, digest=digest)
        signature = keys.sign(rsa_key, call)
        public_rsa(rsa_key).verify(signature, digest, padding.PKCS1v15(), Prehashed(HASHES[hash_]))

    @pytest.mark.parametrize("data", [b"", b"x", b"\x00" * 20, b"y" * 245])
    def test_pkcs1v15_over_raw_bytes(
        self, keys: EncryptedKeys, rsa_key: KeyReference, data: bytes
    ) -> None:
        call = a_call(scheme=Scheme("rsa-pkcs1v15"), hash=HashAlgorithm.NONE, digest=data)
        signature = keys.sign(rsa_key, call)
        numbers = public_rsa(rsa_key).public_numbers()
        block = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(256, "big")
        assert block == b"\x00\x01" + b"\xff" * (253 - len(data)) + b"\x00" + data

    @pytest.mark.parametrize("hash_", list(HASHES))
    @pytest.mark.parametrize("mgf_hash", list(HASHES))
    @pytest.mark.parametrize("salt", [0, 20, 32, 190])
    def test_pss(
        self,
        keys: EncryptedKeys,
        rsa_key: KeyReference,
        hash_: HashAlgorithm,
        mgf_hash: HashAlgorithm,
        salt: int,
    ) -> None:
        digest = hashlib.new(hash_.value, b"data").digest()
        pss = PssParameters(mgf_hash, salt)
        call = a_call(scheme=Scheme("rsa-pss"), hash=hash_, digest=digest, pss=pss)
        signature = keys.sign(rsa_key, call)
        public_rsa(rsa_key).verify(
            signature,
            digest,
            padding.PSS(padding.MGF1(HASHES[mgf_hash]), salt),
            Prehashed(HASHES[hash_]),
        )


class TestEcdsa:
    @pytest.mark.parametrize("algorithm", list(ORDERS))
    @pytest.mark.parametrize("hash_", list(HASHES))
    @pytest.mark.parametrize("encoding", list(EcdsaEncoding))
    def test_both_encodings(
        self,
        keys: EncryptedKeys,
        algorithm: KeyAlgorithm,
        hash_: HashAlgorithm,
        encoding: EcdsaEncoding,
    ) -> None:
        key = keys.generate(algorithm, "signer", Purpose.SIGNER)
        digest = hashlib.new(hash_.value, b"data").digest()
        signature = keys.sign(key, a_call(hash=hash_, digest=digest, ecdsa_encoding=encoding))
        if encoding is EcdsaEncoding.P1363:
            half = (ORDERS[algorithm].bit_length() + 7) // 8
            assert len(signature) == 2 * half
            r, s = (int.from_bytes(each, "big") for each in (signature[:half], signature[half:]))
            signature = encode_dss_signature(r, s)
        public_ec(key).verify(signature, digest, ec.ECDSA(Prehashed(HASHES[hash_])))

    @pytest.mark.parametrize("algorithm", list(ORDERS))
    @pytest.mark.parametrize("octets", [1, 20, 28, 31, 32, 33, 47, 48, 49, 63, 64])
    def test_odd_digests_are_the_integer_that_the_standard_says(
        self, keys: EncryptedKeys, algorithm: KeyAlgorithm, octets: int
    ) -> None:
        """FIPS 186-5 §6.4.1 step 2 and the signature equation, computed by hand."""
        key = keys.generate(algorithm, "signer", Purpose.SIGNER)
        digest = hashlib.shake_256(b"data").digest(octets)
        call = a_call(hash=HashAlgorithm.NONE, digest=digest, ecdsa_encoding=EcdsaEncoding.P1363)
        signature = keys.sign(key, call)

        order = ORDERS[algorithm]
        excess = max(0, 8 * octets - order.bit_length())
        z = int.from_bytes(digest, "big") >> excess
        fitted = fit_digest(digest, public_ec(key).curve)
        assert int.from_bytes(fitted, "big") == z
        half = len(signature) // 2
        r, s = (int.from_bytes(each, "big") for each in (signature[:half], signature[half:]))
        hash_ = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}[len(fitted)]
        public_ec(key).verify(encode_dss_signature(r, s), fitted, ec.ECDSA(Prehashed(hash_)))
