"""Things to sign, made here: APK, EXE, EFI image, CAB, MSI."""

import io
import os
import struct
import zipfile
from enum import IntEnum
from pathlib import Path

from tests.tools.tool import Workbench

NONE = 0xFFFFFFFF
ANDROID = "http://schemas.android.com/apk/res/android"
MIN_SDK_VERSION, HAS_CODE = 0x0101020C, 0x0101000C
TEXT, INTEGER, BOOLEAN = 0x03, 0x10, 0x12
FALSE = 0

ALIGNMENT = 0x200
DIRECTORIES = 16
RETURN_ZERO = b"\x31\xc0\xc3"


def apk(min_sdk: int) -> bytes:
    """An application without code, for this API level and later."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("AndroidManifest.xml", _manifest(min_sdk))
        archive.writestr("assets/data.bin", os.urandom(3 << 20), zipfile.ZIP_STORED)
        archive.writestr("assets/hello.txt", b"Hello\n" * 1000)
    return packed.getvalue()


def _manifest(min_sdk: int) -> bytes:
    """AndroidManifest.xml in the binary form that is inside an APK."""
    # Names of attributes with resource ids come first, in the order of the resource map.
    strings = ["minSdkVersion", "hasCode", "android", ANDROID, "package", "org.example.app"]
    strings += ["manifest", "uses-sdk", "application"]
    number = {text: index for index, text in enumerate(strings)}
    node = struct.pack("<II", 1, NONE)  # line, comment

    def chunk(kind: int, header: bytes, body: bytes = b"") -> bytes:
        size = 8 + len(header) + len(body)
        return struct.pack("<HHI", kind, 8 + len(header), size) + header + body

    def attribute(space: int, name: str, text: int, kind: int, value: int) -> bytes:
        return struct.pack("<IIIHBBI", space, number[name], text, 8, 0, kind, value)

    def start(name: str, attribute: bytes) -> bytes:
        layout = (NONE, number[name], 20, 20, 1, 0, 0, 0)  # one attribute of 20 bytes
        return chunk(0x102, node, struct.pack("<IIHHHHHH", *layout) + attribute)

    def end(name: str) -> bytes:
        return chunk(0x103, node, struct.pack("<II", NONE, number[name]))

    encoded = [
        struct.pack("<H", len(each)) + each.encode("utf-16-le") + b"\0\0" for each in strings
    ]
    offsets = [sum(map(len, encoded[:index])) for index in range(len(encoded))]
    data = b"".join(encoded)
    data += b"\0" * (-len(data) % 4)
    pool = struct.pack("<5I", len(strings), 0, 0, 28 + 4 * len(strings), 0)
    space = struct.pack("<II", number["android"], number[ANDROID])
    package = number["org.example.app"]
    return chunk(
        0x003,
        b"",
        chunk(0x001, pool, struct.pack(f"<{len(offsets)}I", *offsets) + data)
        + chunk(0x180, b"", struct.pack("<2I", MIN_SDK_VERSION, HAS_CODE))
        + chunk(0x100, node, space)
        + start("manifest", attribute(NONE, "package", package, TEXT, package))
        + start("uses-sdk", attribute(number[ANDROID], "minSdkVersion", NONE, INTEGER, min_sdk))
        + end("uses-sdk")
        + start("application", attribute(number[ANDROID], "hasCode", NONE, BOOLEAN, FALSE))
        + end("application")
        + end("manifest")
        + chunk(0x101, node, space),
    )


class Subsystem(IntEnum):
    CONSOLE = 3
    EFI_APPLICATION = 10


def pe(subsystem: Subsystem) -> bytes:
    """A 64-bit image for x86 whose only code returns zero."""
    address, base, size = 0x1000, 0x140000000, 0x2000
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 112 + 8 * DIRECTORIES, 0x22)
    optional = struct.pack("<HBBIIIII", 0x20B, 1, 0, ALIGNMENT, 0, 0, address, address)
    optional += struct.pack("<QII", base, 0x1000, ALIGNMENT)
    optional += struct.pack("<HHHHHHI", 6, 0, 0, 0, 6, 0, 0)  # versions
    optional += struct.pack("<IIIHH", size, ALIGNMENT, 0, subsystem, 0)
    optional += struct.pack("<QQQQII", 1 << 20, 1 << 12, 1 << 20, 1 << 12, 0, DIRECTORIES)
    optional += bytes(8 * DIRECTORIES)
    place = (len(RETURN_ZERO), address, ALIGNMENT, ALIGNMENT)
    section = struct.pack("<8sIIIIIIHHI", b".text", *place, 0, 0, 0, 0, 0x60000020)
    headers = dos + b"PE\0\0" + coff + optional + section
    return headers.ljust(ALIGNMENT, b"\0") + RETURN_ZERO.ljust(ALIGNMENT, b"\0")


def make_exe(bench: Workbench, name: str) -> Path:
    return bench.write(name, pe(Subsystem.CONSOLE))


def make_efi(bench: Workbench, name: str) -> Path:
    return bench.write(name, pe(Subsystem.EFI_APPLICATION))


def make_cab(bench: Workbench, name: str) -> Path:
    bench.write("inside.bin", os.urandom(100_000))
    bench.must("gcab", "--create", name, "inside.bin")
    return bench.folder / name


def make_msi(bench: Workbench, name: str) -> Path:
    """An installer database with one property and one stream."""
    bench.write("inside.bin", os.urandom(100_000))
    table = (
        "CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, "
        "`Value` CHAR(0) NOT NULL LOCALIZABLE PRIMARY KEY `Property`)"
    )
    row = "INSERT INTO `Property` (`Property`, `Value`) VALUES ('ProductName', 'App')"
    bench.must("msibuild", name, "-q", table, row)
    bench.must("msibuild", name, "-a", "Payload", "inside.bin")
    return bench.folder / name
