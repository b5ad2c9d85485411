"""keytool and jarsigner of the JDK, through SunPKCS11."""

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from tests.module.foreign_authority import certify
from tests.server import ControlPlane
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.recipes import Access, must_script, recipe, with_login
from tests.tools.summary import SignedWith, jdk_version
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


def test_an_authority_that_has_the_signers_name_does_not_hide_the_chain(
    workbench: Workbench, control_plane: ControlPlane
) -> None:
    """Java asks for certificates by label, and takes two of them for none."""
    admin = control_plane.client()
    signer = admin.create_signer("namesake", "p256", "ACME", external=True).value
    key = control_plane.create_machine("of-the-namesake")
    admin.add_member("namesake", "of-the-namesake", "operator")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "namesake")])
    chain = certify(admin.signing_request("namesake").value.csr.encode(), issuer=name)
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    admin.install_certificate("namesake", pem.decode())

    bench = workbench.with_variables(api_key=key)
    store = bench.java_store(signer.number)
    listed = bench.must("keytool", "-list", "-v", *store)
    assert re.findall(r"Alias name: (.*)", listed) == ["namesake"]
    assert re.findall(r"Certificate chain length: (\d+)", listed) == ["3"]
    bench.must("jarsigner", *store, bench.jar("app"), "namesake")


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
    signed_with: SignedWith,
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
    signed_with("jarsigner", jdk_version(), f"JAR, {algorithm} ({signer})")


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


# The recipes of docs/tools.md.


@every_access
@every_signer
def test_the_recipe_of_jarsigner_signs_a_jar_that_it_verifies_up_to_the_root(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    bench.jar("app")
    said = must_script(bench, with_login("jarsigner", access) + recipe("jarsigner", "Verify"))
    assert re.findall(r"^jar .*", said, re.MULTILINE) == ["jar signed.", "jar verified."]
    signed_with("jarsigner", jdk_version(), f"JAR ({signer})")


@every_access
@every_signer
def test_the_recipe_of_keytool_signs_a_request_that_openssl_verifies(
    shell_for: ShellFor, signed_with: SignedWith, signer: str, access: Access
) -> None:
    bench = shell_for(signer, access)
    said = must_script(bench, with_login("keytool", access))
    assert re.findall(r"^([\w-]+), PrivateKeyEntry", said, re.MULTILINE) == [signer]
    request = x509.load_pem_x509_csr((bench.folder / "app.csr").read_bytes())
    leaf = x509.load_pem_x509_certificate((bench.folder / "leaf.pem").read_bytes())
    assert request.is_signature_valid
    assert request.public_key() == leaf.public_key()
    signed_with("keytool", jdk_version(), f"certificate request ({signer})")


# What they cannot do.


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("-genkeypair -alias new -keyalg EC -dname CN=new", "CKR_TOKEN_WRITE_PROTECTED"),
        ("-delete -alias p256", "CKR_ACTION_PROHIBITED"),
        ("-changealias -alias p256 -destalias new", "CKR_ACTION_PROHIBITED"),
        (
            "-importcert -noprompt -alias new -file root.pem",
            "trusted certificates may only be set by token initialization application",
        ),
    ],
)
def test_keytool_changes_nothing_on_a_token(
    shell_for: ShellFor, slots: dict[str, int], command: str, said: str
) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    refused = bench.run("keytool", *command.split(), *bench.java_store(slots["p256"]))
    assert refused.code == 1
    assert said in refused.out


def test_keytool_asks_for_a_key_password_when_it_has_no_store_password(
    shell_for: ShellFor, slots: dict[str, int]
) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    refused = bench.run("keytool", "-certreq", "-alias", "p256", *bench.java_store(slots["p256"]))
    assert refused.code == 1
    assert "Enter key password for <p256>" in refused.out + refused.err


@pytest.mark.parametrize("password", ["-protected", "-storepass wrong-pin"])
@pytest.mark.parametrize("tool", ["keytool -list", "jarsigner app.jar p256"])
def test_without_the_login_that_is_needed_the_store_does_not_load(
    shell_for: ShellFor, slots: dict[str, int], tool: str, password: str
) -> None:
    bench = shell_for("p256", Access.LOGIN)
    bench.jar("app")
    store = " ".join(bench.java_store(slots["p256"])).replace("-protected", password)
    command, *arguments = tool.split()
    refused = bench.run(command, *store.split(), *arguments)
    assert refused.code == 1
    assert "load failed" in refused.out
