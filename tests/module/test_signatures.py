"""PKCS#11 v2.40 §5.11, §5.13: signatures that `cryptography` and `openssl` verify."""

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealwright import _native
from sealwright.cryptoki import CKG, CKM, CKR
from sealwright.pkcs11 import Pkcs11Error, pss
from tests.module.providers import Provider, PublicKey, private_key, public_key, read_public_key

DATA = b"an artifact to be signed\n" * 41
PARTS = [DATA[:1], b"", DATA[1:64], DATA[64:]]

SHA2: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
DIGEST_INFO = {
    "SHA256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "SHA384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "SHA512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""RFC 8017 §9.2 note 1: what stands before the digest."""


@dataclass(frozen=True)
class Case:
    """How one mechanism signs DATA, and how a stranger verifies that."""

    mechanism: CKM
    make: Callable[[], _native.Mechanism]
    given: bytes  # to C_Sign
    hash: hashes.HashAlgorithm
    padding: padding.AsymmetricPadding | None  # none: ECDSA
    in_parts: bool

    def verify(self, key: PublicKey, signature: bytes) -> None:
        if isinstance(key, rsa.RSAPublicKey):
            assert self.padding is not None
            assert len(signature) == key.key_size // 8
            key.verify(signature, DATA, self.padding, self.hash)
            return
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(in_der(key, signature), DATA, ec.ECDSA(self.hash))

    def ask_openssl(self, key: PublicKey, signature: bytes, folder: Path) -> str:
        """What the openssl command says to the same."""
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        encoded = signature if isinstance(key, rsa.RSAPublicKey) else in_der(key, signature)
        for name, content in (("key.pem", pem), ("signature", encoded), ("data", DATA)):
            (folder / name).write_bytes(content)
        options = [f"-{self.hash.name}", "-verify", "key.pem", "-signature", "signature"]
        if isinstance(self.padding, padding.PSS):
            for option in (
                "rsa_padding_mode:pss",
                f"rsa_pss_saltlen:{self.padding._salt_length}",
                f"rsa_mgf1_md:{self.hash.name}",
            ):
                options += ["-sigopt", option]
        done = subprocess.run(
            ["openssl", "dgst", *options, "data"], cwd=folder, capture_output=True, check=False
        )
        return done.stdout.decode()


def in_der(key: PublicKey, signature: bytes) -> bytes:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    half = (key.key_size + 7) // 8
    assert len(signature) == 2 * half
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    return utils.encode_dss_signature(r, s)


def digest_of(name: str) -> bytes:
    return hashlib.new(name, DATA).digest()


def plain(mechanism: CKM) -> Callable[[], _native.Mechanism]:
    return lambda: _native.Mechanism(mechanism)


def pkcs1(name: str) -> Case:
    mechanism = CKM[f"{name}_RSA_PKCS"]
    return Case(mechanism, plain(mechanism), DATA, SHA2[name], padding.PKCS1v15(), True)


def raw_pkcs1(name: str) -> Case:
    given = DIGEST_INFO[name] + digest_of(name)
    make = plain(CKM.RSA_PKCS)
    return Case(CKM.RSA_PKCS, make, given, SHA2[name], padding.PKCS1v15(), False)


def pss_padding(name: str, salt: int) -> padding.PSS:
    return padding.PSS(padding.MGF1(SHA2[name]), salt)


def hashed_pss(name: str, salt: int) -> Case:
    mechanism = CKM[f"{name}_RSA_PKCS_PSS"]

    def make() -> _native.Mechanism:
        return pss(mechanism, CKM[name], CKG[f"MGF1_{name}"], salt)

    return Case(mechanism, make, DATA, SHA2[name], pss_padding(name, salt), True)


def raw_pss(name: str, salt: int) -> Case:
    def make() -> _native.Mechanism:
        return pss(CKM.RSA_PKCS_PSS, CKM[name], CKG[f"MGF1_{name}"], salt)

    given = digest_of(name)
    return Case(CKM.RSA_PKCS_PSS, make, given, SHA2[name], pss_padding(name, salt), False)


def ecdsa(name: str) -> Case:
    mechanism = CKM[f"ECDSA_{name}"]
    return Case(mechanism, plain(mechanism), DATA, SHA2[name], None, True)


def raw_ecdsa(name: str) -> Case:
    return Case(CKM.ECDSA, plain(CKM.ECDSA), digest_of(name), SHA2[name], None, False)


RSA_CASES = [
    *(pkcs1(name) for name in SHA2),
    *(raw_pkcs1(name) for name in SHA2),
    *(hashed_pss(name, algorithm.digest_size) for name, algorithm in SHA2.items()),
    *(raw_pss(name, algorithm.digest_size) for name, algorithm in SHA2.items()),
    *(made(name, 0) for name in SHA2 for made in (hashed_pss, raw_pss)),
    hashed_pss("SHA256", 20),
    raw_pss("SHA512", 32),
]
EC_CASES = [*(ecdsa(name) for name in SHA2), *(raw_ecdsa(name) for name in SHA2)]


RSA_KEYS = ("rsa-2048", "rsa-3072", "rsa-4096")


def longest_salts(key: str) -> list[Case]:
    """emLen − hLen − 2, RFC 8017 §9.1.1."""
    length = int(key[4:]) // 8
    return [
        made(name, length - algorithm.digest_size - 2)
        for name, algorithm in SHA2.items()
        for made in (hashed_pss, raw_pss)
    ]


def name_of_case(case: Case) -> str:
    name = f"{case.mechanism.name}-{case.hash.name}"
    if isinstance(case.padding, padding.PSS):
        name += f"-salt{case.padding._salt_length}"
    return name


KEYED = [
    *((key, case) for key in RSA_KEYS for case in [*RSA_CASES, *longest_salts(key)]),
    *((key, case) for key in ("p256", "p384", "p521") for case in EC_CASES),
]


def each(*, in_parts: bool = False) -> pytest.MarkDecorator:
    """Every case with both providers. SoftHSM2 2.6 has no ECDSA with a hash."""
    cases = [
        pytest.param(provider, key, case, id=f"{provider}-{key}-{name_of_case(case)}")
        for provider in ("sealwright", "softhsm2")
        for key, case in KEYED
        if case.in_parts or not in_parts
        if provider == "sealwright" or not case.mechanism.name.startswith("ECDSA_")
    ]
    names = ("provider_file", "key", "case")
    return pytest.mark.parametrize(names, cases, indirect=["provider_file"])


@each()
def test_a_signature_is_one_that_others_verify(
    provider: Provider, key: str, case: Case, tmp_path: Path
) -> None:
    with provider.open(key) as session:
        signature = session.sign(case.make(), private_key(session), case.given)
        verifier = read_public_key(public_key(session))
        case.verify(verifier, signature)
        spoilt = bytes([*signature[:-1], signature[-1] ^ 1])
        with pytest.raises(InvalidSignature):
            case.verify(verifier, spoilt)
        assert case.ask_openssl(verifier, signature, tmp_path) == "Verified OK\n"
        assert case.ask_openssl(verifier, spoilt, tmp_path) == "Verification failure\n"


@each(in_parts=True)
def test_parts_give_a_signature_of_the_whole(provider: Provider, key: str, case: Case) -> None:
    with provider.open(key) as session:
        signature = session.sign_parts(case.make(), private_key(session), PARTS)
        case.verify(read_public_key(public_key(session)), signature)


@each()
def test_the_module_verifies_too(provider: Provider, key: str, case: Case) -> None:
    with provider.open(key) as session:
        verifier = public_key(session)
        signature = session.sign(case.make(), private_key(session), case.given)
        session.verify(case.make(), verifier, case.given, signature)
        if case.in_parts:
            session.verify_parts(case.make(), verifier, PARTS, signature)
        spoilt = bytes([*signature[:-1], signature[-1] ^ 1])
        with pytest.raises(Pkcs11Error) as refused:
            session.verify(case.make(), verifier, case.given, spoilt)
        assert refused.value.rv == CKR.SIGNATURE_INVALID
        with pytest.raises(Pkcs11Error) as refused:
            session.verify(case.make(), verifier, case.given, signature[:-1])
        assert refused.value.rv == CKR.SIGNATURE_LEN_RANGE


def test_the_longest_salt_is_honoured_and_a_longer_one_is_refused(sealwright: Provider) -> None:
    longest = 3072 // 8 - 32 - 2
    case = hashed_pss("SHA256", longest)
    with sealwright.open("rsa-3072") as session:
        signer = private_key(session)
        signature = session.sign(case.make(), signer, DATA)
        case.verify(read_public_key(public_key(session)), signature)
        answer = sealwright.module.native.sign_init(
            session.handle, hashed_pss("SHA256", longest + 1).make(), signer.handle
        )
        assert answer == CKR.MECHANISM_PARAM_INVALID


@pytest.mark.parametrize(("name", "mask"), [*permutations(SHA2, 2)])
def test_the_mask_may_have_a_hash_of_its_own(sealwright: Provider, name: str, mask: str) -> None:
    mechanisms = [
        (pss(CKM[f"{name}_RSA_PKCS_PSS"], CKM[name], CKG[f"MGF1_{mask}"], 32), DATA),
        (pss(CKM.RSA_PKCS_PSS, CKM[name], CKG[f"MGF1_{mask}"], 32), digest_of(name)),
    ]
    with sealwright.open("rsa-2048") as session:
        key = read_public_key(public_key(session))
        assert isinstance(key, rsa.RSAPublicKey)
        for mechanism, given in mechanisms:
            signature = session.sign(mechanism, private_key(session), given)
            key.verify(signature, DATA, padding.PSS(padding.MGF1(SHA2[mask]), 32), SHA2[name])


@pytest.mark.parametrize("length", [1, 20, 28, 31, 32, 33, 48, 64])
def test_ecdsa_takes_digests_of_any_length(sealwright: Provider, length: int) -> None:
    """Longer than the order: its leftmost bits count; shorter: it is a smaller number."""
    digest = bytes(range(1, length + 1))
    with sealwright.open("p256") as session:
        signature = session.sign(CKM.ECDSA, private_key(session), digest)
        session.verify(CKM.ECDSA, public_key(session), digest, signature)
        key = read_public_key(public_key(session))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        as_sha256 = digest[:32].rjust(32, b"\0")
        prehashed = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
        key.verify(utils.encode_dss_signature(r, s), as_sha256, prehashed)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"x", id="one-octet"),
        pytest.param(b"not a DigestInfo", id="text"),
        pytest.param(
            bytes.fromhex("3021300906052b0e03021a05000414") + bytes(range(20)),
            id="sha1-digest-info",
        ),
        pytest.param(hashlib.sha256(DATA).digest(), id="bare-digest"),
        pytest.param(bytes(256 - 11), id="as-long-as-there-is-room"),
    ],
)
def test_raw_pkcs1_pads_whatever_it_is_given(provider: Provider, given: bytes) -> None:
    with provider.open("rsa-2048") as session:
        signature = session.sign(CKM.RSA_PKCS, private_key(session), given)
        key = read_public_key(public_key(session))
        assert isinstance(key, rsa.RSAPublicKey)
        numbers = key.public_numbers()
        opened = pow(int.from_bytes(signature), numbers.e, numbers.n).to_bytes(256)
        assert opened == b"\0\1" + b"\xff" * (256 - 3 - len(given)) + b"\0" + given


def test_raw_pkcs1_refuses_what_does_not_fit(sealwright: Provider) -> None:
    with sealwright.open("rsa-2048") as session, pytest.raises(Pkcs11Error) as refused:
        session.sign(CKM.RSA_PKCS, private_key(session), bytes(256 - 10))
    assert refused.value.rv == CKR.DATA_LEN_RANGE


@pytest.mark.parametrize("length", [0, 31, 33])
def test_raw_pss_wants_a_digest_of_its_hash(sealwright: Provider, length: int) -> None:
    with sealwright.open("rsa-2048") as session, pytest.raises(Pkcs11Error) as refused:
        session.sign(raw_pss("SHA256", 32).make(), private_key(session), bytes(length))
    assert refused.value.rv == CKR.DATA_LEN_RANGE


@pytest.mark.parametrize("length", [0, 65])
def test_ecdsa_refuses_what_is_no_digest(sealwright: Provider, length: int) -> None:
    with sealwright.open("p256") as session, pytest.raises(Pkcs11Error) as refused:
        session.sign(CKM.ECDSA, private_key(session), bytes(length))
    assert refused.value.rv == CKR.DATA_LEN_RANGE
