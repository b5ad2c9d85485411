"""mkimage: signatures in FIT images, through libp11's engine."""

from tests.server import ControlPlane
from tests.tools import openssl
from tests.tools.matrix import ShellFor, every_access
from tests.tools.recipes import Access, recipe, run_script, with_login
from tests.tools.summary import SignedWith, package_version
from tests.tools.tool import Workbench

TOOL = "mkimage"
SOURCE = """/dts-v1/;
/ {
    description = "An application";
    #address-cells = <1>;
    images {
        kernel {
            data = /incbin/("app.bin");
            type = "kernel";
            arch = "arm64";
            os = "linux";
            compression = "none";
            load = <0x80000>;
            entry = <0x80000>;
            hash { algo = "sha256"; };
            signature { algo = "sha256,%(kind)s"; key-name-hint = "%(signer)s"; };
        };
    };
    configurations {
        default = "plain";
        plain {
            kernel = "kernel";
            signature {
                algo = "sha256,%(kind)s";
                key-name-hint = "%(signer)s";
                sign-images = "kernel";
            };
        };
    };
};
"""


def ready(shell_for: ShellFor, signer: str, access: Access, kind: str) -> Workbench:
    """`kind`: the key, as device trees name it."""
    bench = shell_for(signer, access)
    bench.write("app.bin", b"a kernel\n" * 1000)
    bench.write("app.its", (SOURCE % {"kind": kind, "signer": signer}).encode())
    return bench


def octets(bench: Workbench, file: str, node: str, name: str) -> bytes:
    """A property of a device tree."""
    words = bench.must("fdtget", "--type", "bx", file, node, name).split()
    return bytes(int(word, 16) for word in words)


@every_access
def test_the_image_in_a_fit_is_signed_and_the_public_key_is_the_certificates(
    shell_for: ShellFor, control_plane: ControlPlane, signed_with: SignedWith, access: Access
) -> None:
    signer = "rsa-3072"
    bench = ready(shell_for, signer, access, "rsa3072")
    before = len(control_plane.signings(signer))
    ended = run_script(bench, with_login(TOOL, access))
    assert ended.code == 0, ended.err
    assert len(control_plane.signings(signer)) - before == 3  # two, and one for want of room
    assert "Signature written to 'app.itb', node '/configurations/plain/signature'" in ended.out
    bench.write("app.sig", octets(bench, "app.itb", "/images/kernel/signature", "value"))
    openssl.must_verify(bench, 256, signed="app.bin", signature="app.sig")
    modulus = octets(bench, "control.dtb", f"/signature/key-{signer}", "rsa,modulus")
    named = bench.must("openssl", "x509", "-in", "leaf.pem", "-noout", "-modulus")
    assert named.strip() == f"Modulus={modulus.hex().upper()}"
    signed_with(TOOL, package_version("u-boot-tools"), f"FIT image ({signer})")


def test_an_ec_key_is_looked_for_in_a_file_and_its_absence_is_no_failure(
    shell_for: ShellFor, control_plane: ControlPlane
) -> None:
    before = control_plane.signings("p256")
    bench = ready(shell_for, "p256", Access.CONFIGURED, "ecdsa256")
    unsigned = run_script(bench, recipe(TOOL))
    assert "Can not get key file 'token=p256/p256.pem'" in unsigned.err
    assert unsigned.code == 0
    assert control_plane.signings("p256") == before
