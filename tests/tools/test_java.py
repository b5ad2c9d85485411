"""keytool and jarsigner of the JDK, through SunPKCS11."""

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from tests.server import ControlPlane
from tests.tools.tool import PASSWORD, Workbench


def chain_of(plane: ControlPlane, signer: str) -> list[x509.Certificate]:
    """Leaf first, root last."""
    answer = plane.client().certificate(signer).value
    return [
        x509.load_pem_x509_certificate(pem.encode()) for pem in [answer.certificate, *answer.chain]
    ]


@pytest.mark.parametrize("signer", ["rsa-2048", "rsa-3072", "p256", "p384", "p521"])
def test_keytool_sees_one_key_with_its_whole_chain(
    workbench: Workbench, slots: dict[str, int], signer: str
) -> None:
    listed = workbench.must("keytool", "-list", "-v", *workbench.java_store(slots[signer]))
    assert "Your keystore contains 1 entry" in listed
    assert re.findall(r"Alias name: (.*)", listed) == [signer]
    assert re.findall(r"Entry type: (.*)", listed) == ["PrivateKeyEntry"]
    assert re.findall(r"Certificate chain length: (\d+)", listed) == ["3"]


@pytest.mark.parametrize(
    ("signer", "algorithm", "block"),
    [
        ("rsa-2048", "SHA256withRSA", "RSA"),
        ("rsa-3072", "SHA256withRSA", "RSA"),
        ("rsa-3072", "SHA384withRSA", "RSA"),
        ("rsa-3072", "SHA512withRSA", "RSA"),
        ("rsa-3072", "RSASSA-PSS", "RSA"),
        ("p256", "SHA256withECDSA", "EC"),
        ("p384", "SHA384withECDSA", "EC"),
        ("p521", "SHA512withECDSA", "EC"),
    ],
)
def test_a_jar_signed_by_jarsigner_is_verified_by_a_stranger(
    workbench: Workbench,
    control_plane: ControlPlane,
    slots: dict[str, int],
    signer: str,
    algorithm: str,
    block: str,
) -> None:
    jar = workbench.jar("app")
    store = workbench.java_store(slots[signer])
    workbench.must("jarsigner", *store, "-sigalg", algorithm, "-sigfile", "SIGNED", jar, signer)

    root = control_plane.client().certificate(signer).value.chain[-1]
    trust = ["-keystore", str(workbench.trust_store(root)), "-storepass", PASSWORD]
    verified = workbench.must(
        "jarsigner", "-J-Duser.language=en", "-verify", "-strict", *trust, jar
    )
    assert "jar verified." in verified.splitlines()

    workbench.must("jar", "--extract", "--file", jar, f"META-INF/SIGNED.{block}")
    embedded = pkcs7.load_der_pkcs7_certificates(
        (workbench.folder / "META-INF" / f"SIGNED.{block}").read_bytes()
    )
    assert set(embedded) == set(chain_of(control_plane, signer))


def test_a_jar_changed_after_signing_is_not_verified(
    workbench: Workbench, slots: dict[str, int]
) -> None:
    jar = workbench.jar("app")
    workbench.must("jarsigner", *workbench.java_store(slots["p256"]), jar, "p256")
    workbench.write("hello.txt", b"Something else\n")
    workbench.must("jar", "--update", "--file", jar, "hello.txt")
    verified = workbench.run("jarsigner", "-J-Duser.language=en", "-verify", "-strict", jar)
    assert verified.code != 0
    assert "jar verified." not in verified.out.splitlines()


def test_a_refused_jarsigner_says_why(
    workbench: Workbench, control_plane: ControlPlane, slots: dict[str, int]
) -> None:
    key = control_plane.create_machine("looks-on")
    control_plane.client().add_member("p256", "looks-on", "auditor")
    bench = workbench.with_variables(api_key=key)
    jar = bench.jar("app")
    refused = bench.run("jarsigner", *bench.java_store(slots["p256"]), jar, "p256")
    assert refused.code != 0
    assert "CKR_FUNCTION_REJECTED" in refused.out + refused.err
    (said,) = [line for line in refused.err.splitlines() if line.startswith("sealwright: ")]
    assert 'signer "p256"' in said
    assert "auditor" in said
    newest = control_plane.signings("p256")[0]
    assert (newest.actor, newest.outcome, newest.reason) == (
        "looks-on",
        "denied",
        "role_cannot_sign",
    )
