"""python-pkcs11 and PyKCS11."""

import os
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.server import ControlPlane
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.openssl import PSS, judge, must_verify
from tests.tools.recipes import Access, must_script, recipe, run_script
from tests.tools.summary import SignedWith
from tests.tools.tool import Workbench

DATA = b"release 1.0\n" * 1000
WRONG = "swk_" + "A" * 43
LIBRARIES = ["python-pkcs11", "PyKCS11"]
every_library = pytest.mark.parametrize("library", LIBRARIES)

SIGN_WITH_PYTHON_PKCS11 = """
import os
import sys
from pathlib import Path

import pkcs11
from pkcs11 import MGF, Mechanism, ObjectClass
from pkcs11.util.ec import encode_ecdsa_signature

name, data = sys.argv[1], Path("app.bin").read_bytes()
options = {}
if name.endswith("_PSS"):
    hashed = name.removesuffix("_RSA_PKCS_PSS")
    length = int(hashed[3:]) // 8
    options["mechanism_param"] = (Mechanism[hashed], MGF[hashed], length)
token = pkcs11.lib(os.environ["MODULE"]).get_token(token_label=os.environ["TOKEN"])
with token.open() as session:
    key = session.get_key(ObjectClass.PRIVATE_KEY)
    public = session.get_key(ObjectClass.PUBLIC_KEY)
    given = [data[:100], data[100:]] if sys.argv[2] == "parts" else data
    signature = key.sign(given, mechanism=Mechanism[name], **options)
    assert public.verify(given, signature, mechanism=Mechanism[name], **options)
    assert not public.verify(data + b"1", signature, mechanism=Mechanism[name], **options)
Path("app.sig").write_bytes(
    encode_ecdsa_signature(signature) if name.startswith("ECDSA") else signature
)
"""

SIGN_WITH_PYKCS11 = """
import os
import sys
from pathlib import Path

import PyKCS11
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from PyKCS11 import CKA_CLASS, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY

name, data = sys.argv[1], Path("app.bin").read_bytes()
kind = getattr(PyKCS11, "CKM_" + name)
mechanism = PyKCS11.Mechanism(kind)
if name.endswith("_PSS"):
    bits = name[3:6]
    hashed, mask = (getattr(PyKCS11, each + bits) for each in ("CKM_SHA", "CKG_MGF1_SHA"))
    mechanism = PyKCS11.RSA_PSS_Mechanism(kind, hashed, mask, int(bits) // 8)
library = PyKCS11.PyKCS11Lib()
library.load(os.environ["MODULE"])
session = library.openSession(int(os.environ["SLOT"]), PyKCS11.CKF_RW_SESSION)
[key] = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)])
[public] = session.findObjects([(CKA_CLASS, CKO_PUBLIC_KEY)])
signature = bytes(session.sign(key, data, mechanism))
assert session.verify(public, data, signature, mechanism)
assert not session.verify(public, data + b"1", signature, mechanism)
if name.startswith("ECDSA"):
    half = len(signature) // 2
    signature = encode_dss_signature(*map(int.from_bytes, (signature[:half], signature[half:])))
Path("app.sig").write_bytes(signature)
"""

MECHANISMS = [
    *[("rsa-3072", f"SHA{bits}_RSA_PKCS{end}") for bits in (256, 384, 512) for end in ("", "_PSS")],
    *[(key, f"ECDSA_SHA{bits}") for key in ("p256", "p384") for bits in (256, 384, 512)],
]


@pytest.fixture
def python_shell_for(shell_for: ShellFor) -> ShellFor:
    """Where `python3` is that of this environment."""

    def make(signer: str, access: Access) -> Workbench:
        bench = shell_for(signer, access)
        bench.write("app.bin", DATA)
        programs = f"{Path(sys.executable).parent}{os.pathsep}{bench.environment['PATH']}"
        return replace(bench, environment={**bench.environment, "PATH": programs})

    return make


@every_access
@every_signer
@every_library
def test_a_file_signed_by_a_library_is_verified_by_openssl(
    python_shell_for: ShellFor,
    library: str,
    signer: str,
    access: Access,
    signed_with: SignedWith,
) -> None:
    bench = python_shell_for(signer, access)
    must_script(bench, recipe(library))
    must_verify(bench, 256, signed="app.bin", signature="app.sig")
    bench.write("changed.bin", DATA + b"1")
    assert judge(bench, 256, signed="changed.bin", signature="app.sig").code != 0
    signed_with(library, version(library), f"file ({signer})")


@pytest.mark.parametrize("amount", ["whole", "parts"])
@pytest.mark.parametrize(("signer", "mechanism"), MECHANISMS)
def test_python_pkcs11_signs_with_every_hash_mechanism(
    python_shell_for: ShellFor, signer: str, mechanism: str, amount: str
) -> None:
    bench = python_shell_for(signer, Access.CONFIGURED)
    program = bench.write("mechanism.py", SIGN_WITH_PYTHON_PKCS11.encode())
    bench.must("python3", program, mechanism, amount)
    verify_mechanism(bench, mechanism)


@pytest.mark.parametrize(("signer", "mechanism"), MECHANISMS)
def test_pykcs11_signs_with_every_hash_mechanism(
    python_shell_for: ShellFor, signer: str, mechanism: str
) -> None:
    bench = python_shell_for(signer, Access.CONFIGURED)
    program = bench.write("mechanism.py", SIGN_WITH_PYKCS11.encode())
    bench.must("python3", program, mechanism)
    verify_mechanism(bench, mechanism)


def verify_mechanism(bench: Workbench, mechanism: str) -> None:
    (bits,) = [bits for bits in (256, 384, 512) if f"SHA{bits}" in mechanism]
    options = PSS if mechanism.endswith("PSS") else ()
    must_verify(bench, bits, *options, signed="app.bin", signature="app.sig")


@pytest.mark.parametrize(
    ("library", "wrong", "none"),
    [
        ("python-pkcs11", "pkcs11.exceptions.PinIncorrect", "pkcs11.exceptions.NoSuchKey"),
        ("PyKCS11", "CKR_PIN_INCORRECT", "not enough values to unpack"),
    ],
)
@pytest.mark.parametrize("access", [Access.LOGIN, Access.PIN_ONLY], ids=lambda each: each.value)
def test_without_the_right_pin_a_library_finds_no_key(
    python_shell_for: ShellFor,
    control_plane: ControlPlane,
    library: str,
    wrong: str,
    none: str,
    access: Access,
) -> None:
    bench = python_shell_for("p256", access)
    before = control_plane.signings("p256")
    for prologue, said in [(f"export PIN={WRONG}", wrong), ("unset PIN", none)]:
        refused = run_script(bench, f"{prologue}\n{recipe(library)}")
        assert refused.code != 0
        assert said in refused.err
    assert control_plane.signings("p256") == before


def test_python_pkcs11_gives_pss_no_parameters_of_its_own(python_shell_for: ShellFor) -> None:
    bench = python_shell_for("rsa-3072", Access.CONFIGURED)
    script = recipe("python-pkcs11")
    for mechanism in ("SHA256_RSA_PKCS_PSS", "RSA_PKCS_PSS"):
        refused = run_script(bench, script.replace("SHA256_RSA_PKCS)", f"{mechanism})"))
        assert refused.code != 0
        assert "pkcs11.exceptions.MechanismParamInvalid" in refused.err


def test_python_pkcs11_asks_an_ec_key_for_a_modulus(python_shell_for: ShellFor) -> None:
    bench = python_shell_for("p256", Access.CONFIGURED)
    script = recipe("python-pkcs11").replace("data = ", "print(key.key_length); data = ")
    refused = run_script(bench, script)
    assert "pkcs11.exceptions.AttributeTypeInvalid" in refused.err


def test_pykcs11_refuses_to_sign_nothing_and_python_pkcs11_does_it(
    python_shell_for: ShellFor, control_plane: ControlPlane
) -> None:
    bench = python_shell_for("p256", Access.CONFIGURED)
    bench.write("app.bin", b"")
    must_script(bench, recipe("python-pkcs11"))
    must_verify(bench, 256, signed="app.bin", signature="app.sig")
    before = control_plane.signings("p256")
    assert "CKR_ARGUMENTS_BAD" in run_script(bench, recipe("PyKCS11")).err
    assert control_plane.signings("p256") == before
