"""NSS: modutil and certutil list, cmsutil signs."""

import re

import pytest
from cryptography import x509

from tests.server import ControlPlane
from tests.tools.matrix import ShellFor, every_access, every_signer
from tests.tools.openssl import verified_request
from tests.tools.recipes import Access, must_script, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Ended, Workbench

DATA = b"release 1.0\n" * 1000
WRONG = b"swk_" + b"A" * 43


def status_of(bench: Workbench, content: str) -> str:
    """What NSS says of app.cms over a file, in a database that trusts the root and no more."""
    database = bench.folder / "stranger"
    if not database.exists():
        database.mkdir()
        bench.must("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
        trust = ["-A", "-d", f"sql:{database}", "-n", "root", "-t", ",,C", "-i", "root.pem"]
        bench.must("certutil", *trust)
    decode = ["cmsutil", "-D", "-d", f"sql:{database}", "-u", "6", "-i", "app.cms", "-c", content]
    ended = bench.run(*decode, "-n", "-h", "1")
    found = re.search(r"status ?= ?(\w+)", ended.out + ended.err)
    return found[1] if found else ended.err


def openssl_verifies(bench: Workbench, content: str) -> Ended:
    verify = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "app.cms"]
    trust = ["-CAfile", "root.pem", "-purpose", "any", "-out", "verified"]
    return bench.run(*verify, *trust, "-content", content)


@every_access
@every_signer
def test_a_file_signed_by_cmsutil_is_verified_by_nss_and_openssl(
    shell_for: ShellFor, signer: str, access: Access, signed_with: SignedWith
) -> None:
    bench = shell_for(signer, access)
    bench.write("app.bin", DATA)
    bench.write("changed.bin", DATA + b"1")
    said = must_script(bench, with_login("NSS", access))
    kind = "rsa" if signer.startswith("rsa") else "ec"
    assert re.search(rf"^< 0> {kind} +[0-9a-f]{{40}} +{signer}$", said, re.MULTILINE)

    assert status_of(bench, "app.bin") == "GoodSignature"
    assert status_of(bench, "changed.bin") == "DigestMismatch"
    verified = openssl_verifies(bench, "app.bin")
    assert verified.code == 0, verified.err
    assert openssl_verifies(bench, "changed.bin").code != 0
    signed_with("cmsutil (NSS)", package_version("libnss3-tools"), f"CMS ({signer})")


@pytest.mark.parametrize(
    ("bits", "content"), [(256, "attached"), (384, "detached"), (512, "detached")]
)
@every_signer
def test_cmsutil_signs_with_every_hash(
    shell_for: ShellFor, signer: str, bits: int, content: str
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("app.bin", DATA)
    script = recipe("NSS").replace("SHA256", f"SHA{bits}")
    if content == "attached":
        script = script.replace(" -T ", " ")
    must_script(bench, script)
    assert status_of(bench, "app.bin") == "GoodSignature"
    printed = bench.must("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", "app.cms")
    assert f"algorithm: sha{bits} " in printed
    assert openssl_verifies(bench, "app.bin").code == 0
    assert (DATA in (bench.folder / "app.cms").read_bytes()) == (content == "attached")


@pytest.mark.parametrize(
    ("signer", "status", "length"),
    [
        ("rsa-3072", "GoodSignature", 384),
        ("p256", "BadSignature", 64),
        ("p384", "BadSignature", 96),
    ],
)
def test_without_signed_attributes_nss_spoils_the_signature_of_an_ec_key(
    shell_for: ShellFor, control_plane: ControlPlane, signer: str, status: str, length: int
) -> None:
    """It leaves r‖s as the module gave it, where CMS has DER."""
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("app.bin", DATA)
    run_script(bench, recipe("NSS").replace(" -G ", " "))
    assert status_of(bench, "app.bin") == status
    assert (openssl_verifies(bench, "app.bin").code == 0) == (status == "GoodSignature")
    printed = bench.must("openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", "app.cms")
    rows = printed.rpartition("signature:")[2].partition("unsignedAttrs")[0].split("\n")
    digits = "".join(row.strip()[7:54].replace("-", " ") for row in rows)
    assert len(bytes.fromhex(digits)) == length
    assert control_plane.signings(signer)[0].outcome == "succeeded"


@every_signer
def test_a_request_signed_by_certutil_is_verified_by_openssl(
    shell_for: ShellFor, signer: str, signed_with: SignedWith
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    must_script(bench, recipe("NSS", "Requests"))
    subject = verified_request(bench, "app.csr", "-subject", "-nameopt", "RFC2253")
    assert subject == "subject=CN=Example Releases\n"
    signed_with(
        "certutil (NSS)", package_version("libnss3-tools"), f"certificate request ({signer})"
    )


@pytest.mark.parametrize(("signer", "found"), [("rsa-3072", False), ("p256", True), ("p384", True)])
def test_certutil_finds_a_key_by_nickname_only_if_its_id_is_as_nss_would_make_it(
    shell_for: ShellFor, signer: str, found: bool
) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    script = recipe("NSS", "Requests").replace('-k "$id"', '-k "$TOKEN:$TOKEN"')
    ended = run_script(bench, script)
    assert (ended.code == 0) == found
    assert ("is neither a key-type nor a nickname" in ended.err) == (not found)


def test_cmsutil_exits_with_0_for_a_signer_that_is_not_trusted(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.bin", DATA)
    script = recipe("NSS").replace("-t ,,C", "-t ,,")
    assert "signer0.status=SigningCertNotTrusted" in must_script(bench, script)


@pytest.mark.parametrize(
    ("access", "login"),
    [(Access.CONFIGURED, "Public (no login required)"), (Access.LOGIN, "Login required")],
)
def test_modutil_shows_each_token_and_whether_it_wants_a_login(
    shell_for: ShellFor, slots: dict[str, int], access: Access, login: str
) -> None:
    bench = shell_for("p256", access)
    bench.must("certutil", "-N", "-d", "sql:.", "--empty-password")
    add = ["-force", "-dbdir", "sql:.", "-add", "Sealwright", "-libfile"]
    bench.must("modutil", *add, bench.module)
    listed = bench.must("modutil", "-dbdir", "sql:.", "-list", "Sealwright")
    assert set(re.findall(r"Token Name: (\S+)", listed)) == set(slots)
    assert set(re.findall(r"Login Type: (.*)", listed)) == {login}
    assert "PKCS #11 Version 3.0" in listed  # NSS looks for the newer interface first
    bench.must("modutil", "-force", "-dbdir", "sql:.", "-delete", "Sealwright")
    assert "Sealwright" not in bench.must("modutil", "-dbdir", "sql:.", "-list")


@every_signer
def test_certutil_lists_the_leaf_as_ours_and_its_issuers(shell_for: ShellFor, signer: str) -> None:
    bench = shell_for(signer, Access.CONFIGURED)
    bench.write("app.bin", DATA)
    must_script(bench, recipe("NSS"))
    listed = bench.must("certutil", "-L", "-d", "sql:nss", "-h", signer)
    chain = x509.load_pem_x509_certificates((bench.folder / "chain.pem").read_bytes())
    issuers = [each.subject.rfc4514_string().removeprefix("CN=") for each in chain]
    ours = set(re.findall(rf"^{signer}:(.+?) +u,u,u$", listed, re.MULTILINE))
    others = set(re.findall(rf"^{signer}:(.+?) +(?:,,C?) *$", listed, re.MULTILINE))
    assert ours == {signer}
    assert others == set(issuers)


@pytest.mark.parametrize("given", ["wrong", "none"])
@pytest.mark.parametrize("access", [Access.LOGIN, Access.PIN_ONLY], ids=lambda each: each.value)
def test_without_the_right_pin_nothing_is_signed(
    shell_for: ShellFor, control_plane: ControlPlane, access: Access, given: str
) -> None:
    bench = shell_for("p256", access)
    bench.write("app.bin", DATA)
    before = control_plane.signings("p256")
    script = recipe("NSS", "With login")
    if given == "wrong":
        bench.write("pin", WRONG)
        script = f"PIN_FILE=$PWD/pin\n{script}"
    else:
        script = script.replace('-f "$PIN_FILE"', "")
    ended = run_script(bench, script)
    assert ended.code != 0
    assert "SEC_ERROR_BAD_PASSWORD" in ended.err
    assert control_plane.signings("p256") == before


def test_certutil_deletes_no_key(shell_for: ShellFor) -> None:
    bench = shell_for("p256", Access.CONFIGURED)
    bench.write("app.bin", DATA)
    must_script(bench, recipe("NSS"))
    before = bench.must("certutil", "-K", "-d", "sql:nss", "-h", "p256")
    bench.run("certutil", "-F", "-d", "sql:nss", "-h", "p256", "-n", "p256:p256")
    assert bench.must("certutil", "-K", "-d", "sql:nss", "-h", "p256") == before
