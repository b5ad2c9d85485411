"""A receipt and the file that it is about: what other people's tools signed holds; what was bent
since, or only carries the signature somewhere, does not."""

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sealwright.receipt.artifact.check import check_file
from sealwright.receipt.fault import NotValidError, Reason
from sealwright.receipt.row import Row, parse_row
from tests.receipt.composing import Log, octets_of
from tests.receipt.conftest import Verify, verify
from tests.server import ControlPlane
from tests.tools.artifacts import apk, make_cab, make_exe, make_msi
from tests.tools.der_tree import Node, tree
from tests.tools.matrix import ShellFor
from tests.tools.recipes import Access, must_script, recipe
from tests.tools.test_apksigner import FIRST_LEVEL
from tests.tools.test_apksigner import script_for as apksigner_script
from tests.tools.test_osslsigncode import script_for as osslsigncode_script
from tests.tools.tool import Workbench

__all__ = ["verify"]

FORMATS = ("JAR", "APK v1", "APK v2", "APK v3", "PE", "CAB", "MSI", "CMS")
CONTENT = b"what is signed\n" * 1000
each_format = pytest.mark.parametrize("format_", FORMATS)


class Signed:
    """`octets`: the file; `row`: its octets."""

    def __init__(self, octets: bytes, row: bytes) -> None:
        self.octets = octets
        self.row = row

    @property
    def said(self) -> Row:
        return parse_row(self.row).row


Sign = Callable[..., Signed]
_payloads: list[bytes] = []
"""What is in the MSI."""
_made: dict[tuple[str, str], Signed] = {}


@pytest.fixture
def sign(shell_for: ShellFor, control_plane: ControlPlane) -> Sign:
    """By format and signer; once for all tests."""

    def run(format_: str, signer: str = "p256") -> Signed:
        if (format_, signer) not in _made:
            bench = shell_for(signer, Access.CONFIGURED)
            octets = _sign(bench, format_)
            page = control_plane.client().operations(limit=1, signer=signer, kind="sign")
            _made[format_, signer] = Signed(octets, octets_of(json.loads(page.body)["items"][0]))
        return _made[format_, signer]

    return run


def _sign(bench: Workbench, format_: str) -> bytes:
    match format_.split():
        case ["JAR"]:
            bench.jar("app")
            must_script(bench, recipe("jarsigner"))
            return (bench.folder / "app.jar").read_bytes()
        case ["APK", scheme]:
            bench.write("app.apk", apk(FIRST_LEVEL[scheme]))
            must_script(bench, apksigner_script(scheme))
            return (bench.folder / "signed.apk").read_bytes()
        case ["CMS"]:
            bench.write("app.bin", CONTENT)
            signing = recipe("openssl", "CMS").split("\n\n")[0]
            must_script(bench, signing.replace("-binary", "-nodetach -binary"))
            return (bench.folder / "app.p7s").read_bytes()
        case ["detached"]:
            bench.write("app.bin", CONTENT)
            must_script(bench, recipe("openssl", "CMS"))
            return (bench.folder / "app.p7s").read_bytes()
    kind = {"PE": "exe", "CAB": "cab", "MSI": "msi"}[format_]
    {"exe": make_exe, "cab": make_cab, "msi": make_msi}[kind](bench, f"app.{kind}")
    if kind == "msi":
        _payloads.append((bench.folder / "inside.bin").read_bytes())
    must_script(bench, osslsigncode_script(kind, Access.CONFIGURED))
    return (bench.folder / f"signed.{kind}").read_bytes()


def holds(signed: Signed, octets: bytes, folder: Path) -> str | None:
    """How; None if it does not."""
    path = folder / "file"
    path.write_bytes(octets)
    try:
        return check_file(signed.said, path)
    except NotValidError as fault:
        return None if fault.reason is Reason.FILE_DIFFERS else str(fault)


def bent(octets: bytes, place: int) -> bytes:
    return octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :]


def covered(format_: str, octets: bytes) -> Iterator[int]:
    """Places of which the format's verifiers say that they are signed: some hundred of them."""
    match format_.split():
        case ["PE"]:
            yield from range(0, len(octets), 7)  # the checksum is over all the rest
        case ["CAB"]:
            (signature,) = struct.unpack_from("<I", octets, 44)
            yield from (*range(4), *range(8, 36), *range(44, 60))
            yield from range(60, signature, signature // 100)
        case ["APK", "v2" | "v3"]:
            block = octets.index(b"APK Sig Block 42")
            yield from range(0, block - 0x2000, block // 12)
            yield from range(block + 16, len(octets), 20)
        case ["JAR"] | ["APK", "v1"]:
            with zipfile.ZipFile(io.BytesIO(octets)) as archive:
                for entry in archive.infolist():
                    (name, extra) = struct.unpack_from("<HH", octets, entry.header_offset + 26)
                    start = entry.header_offset + 30 + name + extra
                    if not entry.filename.startswith("META-INF/"):
                        yield from range(
                            start, start + entry.compress_size, 1 + entry.compress_size // 15
                        )
        case ["MSI"]:
            start = octets.index(_payloads[0][:500])
            yield from range(start, start + 100_000, 5000)
        case ["CMS"]:
            start = octets.index(CONTENT)
            yield from range(start, start + len(CONTENT), 500)


@each_format
def test_what_a_tool_signed_holds_by_its_format(sign: Sign, tmp_path: Path, format_: str) -> None:
    signed = sign(format_)
    assert holds(signed, signed.octets, tmp_path) == format_


@pytest.mark.parametrize("format_", ["PE", "CMS"])
def test_with_rsa_too(sign: Sign, tmp_path: Path, format_: str) -> None:
    signed = sign(format_, "rsa-3072")
    assert holds(signed, signed.octets, tmp_path) == format_
    for place in list(covered(format_, signed.octets))[::10]:
        assert holds(signed, bent(signed.octets, place), tmp_path) is None


@each_format
def test_a_file_bent_in_one_octet_does_not_hold(sign: Sign, tmp_path: Path, format_: str) -> None:
    signed = sign(format_)
    places = list(covered(format_, signed.octets))
    assert len(places) > 15
    for place in places:
        assert holds(signed, bent(signed.octets, place), tmp_path) is None, place


@each_format
def test_a_file_bent_anywhere_is_refused_or_says_the_same(
    sign: Sign, tmp_path: Path, format_: str
) -> None:
    octets = sign(format_).octets
    chosen = random.Random(format_)  # noqa: S311  # the same each time
    size = len(octets)
    places = [chosen.randrange(min(size, 600)) for _ in range(15)]
    places += [size - 1 - chosen.randrange(min(size, 3000)) for _ in range(25)]
    for place in places:
        cut = octets[:place] + octets[place + 1 :]
        raised = octets[:place] + b"\xff" + octets[place + 1 :]
        for other in (bent(octets, place), raised, cut):
            if holds(sign(format_), other, tmp_path) is not None and format_ in {"JAR", "APK v1"}:
                assert content(other) == content(octets)


def content(octets: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@each_format
def test_a_file_does_not_hold_with_something_before_or_behind_it(
    sign: Sign, tmp_path: Path, format_: str
) -> None:
    octets = sign(format_).octets
    for other in (octets + b"\0", octets + bytes(8), octets * 2, b"\0" + octets, octets[:-1]):
        assert holds(sign(format_), other, tmp_path) is None


@each_format
def test_a_file_does_not_hold_for_another_signature(
    sign: Sign, tmp_path: Path, format_: str
) -> None:
    other = sign("JAR" if format_ != "JAR" else "PE")
    assert holds(other, sign(format_).octets, tmp_path) is None


@each_format
def test_a_file_of_another_certificate_does_not_hold(
    sign: Sign, tmp_path: Path, format_: str
) -> None:
    signed = sign(format_)
    serial = signed.said.certificate_serial
    assert serial is not None
    other = Signed(signed.octets, signed.row.replace(serial.encode(), b"0a"))
    assert holds(other, signed.octets, tmp_path) is None


def test_whoever_has_the_file_verifies_a_receipt_with_it(
    sign: Sign, tmp_path: Path, verify: Verify
) -> None:
    signed = sign("JAR")
    row = json.loads(signed.row.partition(b"\n")[2]) | {"sequence": 1}
    log = Log(rows=[octets_of(row)])
    file = tmp_path / "app.jar"
    file.write_bytes(signed.octets)
    said = verify(log.receipt(1), log, "--file", file).json()
    assert (said["valid"], said["holds_by"]) == (True, "JAR")
    words = " ".join(verify(log.receipt(1), log, "--file", file, json=False).out.split())
    assert "app.jar is what was signed: it carries the signature" in words
    file.write_bytes(b"another file")
    said = verify(log.receipt(1), log, "--file", file).json()
    assert (said["valid"], said["reason"]) == (False, "file_differs")


# JARs: what is in them beside what was signed.


def rewritten(octets: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """With other entries, in an archive that is sound."""
    entries = content(octets)
    change(entries)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in entries.items():
            archive.writestr(name, octets)
    return packed.getvalue()


def test_a_jar_that_was_packed_anew_holds(sign: Sign, tmp_path: Path) -> None:
    """What is signed is entries, not how they are packed."""
    signed = sign("JAR")
    assert holds(signed, rewritten(signed.octets, lambda entries: None), tmp_path) == "JAR"


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.update({"more.class": b"more"}),
        lambda entries: entries.update({"META-INF/services/more": b"more"}),
        lambda entries: entries.update({"META-INF/MORE.SF": b"more"}),
        lambda entries: entries.update({"META-INF/MORE.EC": b"more"}),
        lambda entries: entries.update({"META-INF/SIG-MORE": b"more"}),
        lambda entries: entries.update({"meta-inf/manifest.mf": b"Manifest-Version: 1.0\n\n"}),
        lambda entries: entries.update({"Hello.txt": entries.pop("hello.txt")}),
        lambda entries: entries.update({"hello.txt/": b"more"}),
        lambda entries: entries.update({"hello.txt": b"Hello\r\n"}),
        lambda entries: entries.pop("hello.txt"),
        lambda entries: entries.pop("META-INF/MANIFEST.MF"),
        lambda entries: entries.update(
            {"META-INF/MANIFEST.MF": entries["META-INF/MANIFEST.MF"] + b"Name: more\r\n\r\n"}
        ),
        lambda entries: entries.update(
            {"META-INF/MANIFEST.MF": entries["META-INF/MANIFEST.MF"] + b"\r\n"}
        ),
    ],
)
def test_a_jar_with_other_entries_does_not_hold(
    sign: Sign, tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    signed = sign("JAR")
    assert holds(signed, rewritten(signed.octets, change), tmp_path) is None


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_jar_with_an_entry_twice_does_not_hold(sign: Sign, tmp_path: Path) -> None:
    signed = sign("JAR")
    for content in (b"Hello\n", b"Good bye\n"):
        packed = io.BytesIO(signed.octets)
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr("hello.txt", content)
        assert holds(signed, packed.getvalue(), tmp_path) is None


def test_a_jar_that_streams_and_archives_read_differently_does_not_hold(
    sign: Sign, tmp_path: Path
) -> None:
    """An entry that only those who read from the front see, and a comment, and a second archive."""
    signed = sign("JAR")
    octets = signed.octets
    end = len(octets) - 22
    (start,) = struct.unpack_from("<I", octets, end + 16)
    alone = io.BytesIO()
    with zipfile.ZipFile(alone, "w") as archive:
        archive.writestr("more.class", b"more")
    hidden = alone.getvalue()[: alone.getvalue().index(b"PK\1\2")]
    moved = octets[end : end + 16] + struct.pack("<I", start + len(hidden)) + octets[end + 20 :]
    between = octets[:start] + hidden + octets[start:end] + moved
    with zipfile.ZipFile(io.BytesIO(between)) as archive:
        assert archive.read("hello.txt") == b"Hello\n"
    assert holds(signed, between, tmp_path) is None
    commented = octets[:-2] + struct.pack("<H", 5) + b"hello"
    assert holds(signed, commented, tmp_path) is None
    assert holds(signed, alone.getvalue() + octets, tmp_path) is None


def with_headers(
    octets: bytes,
    *,
    central: bytes = b"",
    local: bytes = b"",
    comment: bytes = b"",
    attributes: int = 0,
    between: bytes = b"",
    more: tuple[str, ...] = (),
) -> bytes:
    """The same entries, of which the last one that is signed has this in its headers, and
    directories of these names."""
    packed, directory = io.BytesIO(), io.BytesIO()
    entries = content(octets) | dict.fromkeys(more, b"")
    for name, of_it in entries.items():
        special = name == "hello.txt"
        extras = [each if special else b"" for each in (local, central, comment)]
        (first, second, said) = extras
        numbers = (zlib.crc32(of_it), len(of_it), len(of_it), len(name))
        place = packed.tell()
        packed.write(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 33, *numbers, len(first)))
        packed.write(name.encode() + first + of_it)
        head = (b"PK\1\2", 0x31E, 20, 0, 0, 0, 33, *numbers, len(second), len(said), 0, 0)
        directory.write(struct.pack("<4s6H3I5H", *head))
        directory.write(struct.pack("<II", attributes if special else 0, place))
        directory.write(name.encode() + second + said)
    packed.write(between)
    ends = (len(entries), len(entries), len(directory.getvalue()), packed.tell(), 0)
    return (
        packed.getvalue() + directory.getvalue() + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, *ends)
    )


def extra(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", kind, len(value)) + value


OTHER_NAME = extra(0x7075, b"\1" + struct.pack("<I", zlib.crc32(b"hello.txt")) + b"../evil.sh")
TIMES = extra(0x5455, b"\1" + bytes(4))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"local": TIMES, "central": TIMES},
        {"local": extra(0x5455, b"\3" + bytes(8)) + extra(0x7875, b"\1\4abcd\4abcd")},
        {"central": extra(0xCAFE, b"")},
        {"local": extra(0xD935, b"\4\0" + bytes(3))},
        {"local": bytes(3)},
        {"attributes": 0o100644 << 16},
        {"more": ("META-INF/",)},
    ],
)
def test_times_owners_and_padding_of_a_jar_are_let_pass(
    sign: Sign, tmp_path: Path, headers: dict[str, Any]
) -> None:
    signed = sign("JAR")
    assert holds(signed, with_headers(signed.octets, **headers), tmp_path) == "JAR"


@pytest.mark.parametrize(
    "headers",
    [
        {"local": OTHER_NAME, "central": OTHER_NAME},
        {"local": OTHER_NAME},
        {"central": OTHER_NAME},
        {"local": extra(0xFAFA, bytes(60_000))},
        {"central": extra(0xFAFA, b"")},
        {"central": TIMES + TIMES},
        {"local": extra(0x5455, b"\1" + bytes(40))},
        {"local": extra(0x5455, b"\xff" + bytes(40))},
        {"local": extra(0x7875, b"\1\x40" + bytes(64) + b"\0")},
        {"local": extra(0x000A, b"more" + bytes(28))},
        {"local": extra(0xCAFE, b"more")},
        {"local": extra(0xD935, b"\4\0more")},
        {"local": extra(0x0001, b"more" * 4)},
        {"central": extra(0x0001, bytes(8))},
        {"central": bytes(3)},
        {"local": b"mo"},
        {"local": struct.pack("<HH", 0xCAFE, 9)},
        {"comment": b"<script>"},
        {"attributes": 0o120777 << 16},
        {"between": b"more"},
        {"more": ("../../tmp/more/",)},
        {"more": ("META-INF/versions/9/",)},
        {"more": ("hello.txt/",)},
        {"more": ("/",)},
    ],
)
def test_a_jar_with_anything_else_in_its_headers_does_not_hold(
    sign: Sign, tmp_path: Path, headers: dict[str, Any]
) -> None:
    signed = sign("JAR")
    assert holds(signed, with_headers(signed.octets, **headers), tmp_path) is None


def signing_block(*pairs: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack("<QI", len(value) + 4, id_) + value for id_, value in pairs)
    size = struct.pack("<Q", len(body) + 24)
    return size + body + size + b"APK Sig Block 42"


def test_a_jar_with_a_signing_block_of_anything_does_not_hold(sign: Sign, tmp_path: Path) -> None:
    signed = sign("JAR")
    block = signing_block((0x1234, bytes(100_000)))
    assert holds(signed, with_headers(signed.octets, between=block), tmp_path) is None


def test_an_apk_with_more_in_its_signing_block_does_not_hold(sign: Sign, tmp_path: Path) -> None:
    signed = sign("APK v2")
    octets = signed.octets
    (start,) = struct.unpack_from("<I", octets, len(octets) - 6)
    (size,) = struct.unpack_from("<Q", octets, start - 24)
    block = octets[start - size : start - 24]
    pairs = []
    while block:
        length, id_ = struct.unpack_from("<QI", block)
        pairs.append((id_, block[12 : 8 + length]))
        block = block[8 + length :]

    def with_block(*pairs: tuple[int, bytes]) -> bytes:
        made = octets[: start - size - 8] + signing_block(*pairs)
        return made + octets[start:-6] + struct.pack("<I", len(made)) + octets[-2:]

    own = [pair for pair in pairs if pair[0] == 0x7109871A]
    assert holds(signed, with_block(*own), tmp_path) == "APK v2"
    assert holds(signed, with_block(*own, (0x42726577, bytes(99))), tmp_path) == "APK v2"
    others = [(0xF05368C0, own[0][1]), (0xF05368C0, bytes(4)), (0x42726577, b"more"), (1, b"")]
    others.append((0xF05368C0, struct.pack("<I", 0)))
    for other in others:
        assert holds(signed, with_block(*own, other), tmp_path) is None, other


# Signatures that merely lie there.


def test_the_signature_in_a_comment_in_an_entry_or_as_text_is_none(
    sign: Sign, tmp_path: Path
) -> None:
    signed = sign("JAR")
    with zipfile.ZipFile(io.BytesIO(signed.octets)) as archive:
        names = archive.namelist()
        block = next(archive.read(name) for name in names if name.endswith(".EC"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n")
        archive.writestr("META-INF/NEW.SF", "Signature-Version: 1.0\r\n\r\n")
        archive.writestr("META-INF/NEW.EC", block)
        archive.comment = block
    for octets in (packed.getvalue(), block, block + b"more", sign("PE").octets + block):
        assert holds(signed, octets, tmp_path) is None


@pytest.mark.parametrize(("format_", "begins"), [("PE", b"\x30\x82"), ("CAB", b"\x30\x82")])
def test_a_signature_taken_out_of_its_file_is_none(
    sign: Sign, tmp_path: Path, format_: str, begins: bytes
) -> None:
    """Though what is in it is what was signed."""
    octets = sign(format_).octets
    where = 64 + 24 + 112 + 32 if format_ == "PE" else 44
    (place,) = struct.unpack_from("<I", octets, where)
    signature = octets[place + 8 * (format_ == "PE") :]
    assert signature.startswith(begins)
    (length,) = struct.unpack_from(">H", signature, 2)
    assert holds(sign(format_), signature[: length + 4], tmp_path) is None


def test_a_signature_is_not_carried_over_to_another_image(sign: Sign, tmp_path: Path) -> None:
    signed = sign("PE")
    (place,) = struct.unpack_from("<I", signed.octets, 64 + 24 + 112 + 32)
    other = bytearray(signed.octets)
    other[0x200] ^= 0x90  # in its code
    struct.pack_into("<I", other, 64 + 24 + 64, 0)  # no checksum
    assert place < len(other)
    assert holds(signed, bytes(other), tmp_path) is None


# MSI: what has room beside streams.


def test_an_msi_with_anything_where_no_stream_is_does_not_hold(sign: Sign, tmp_path: Path) -> None:
    """Sectors that are free, behind the ends of streams, entries that are not used, the header."""
    signed = sign("MSI")
    octets = signed.octets
    size = 512
    assert len(octets) % size == 0
    for place in (8, 34, 40, 56):
        assert holds(signed, bent(octets, place), tmp_path) is None, f"header {place}"
    zeros = [start for start in range(size, len(octets), 64) if not any(octets[start:][:64])]
    assert zeros
    for start in zeros:
        for place in (start, start + 63):
            assert holds(signed, bent(octets, place), tmp_path) is None, place
    (directory,) = struct.unpack_from("<I", octets, 48)
    for start in range((directory + 1) * size, (directory + 2) * size, 128):
        for place in (63, 96):
            assert holds(signed, bent(octets, start + place), tmp_path) is None, (start, place)


# CMS: what has room beside what is signed.

MORE = Node(0x04, b"<script>")


def bent_trees(octets: bytes, bend: Callable[[Node], None]) -> Iterator[bytes]:
    """One for each value; only the outermost of certificates' own, which say what they say."""
    for number, _ in enumerate(uncovered(tree(octets))):
        root = tree(octets)
        bend(list(uncovered(root))[number])
        assert root.encode() != octets
        yield root.encode()


def uncovered(root: Node) -> Iterator[Node]:
    yield root
    for each in root.inside or ():
        if each.tag == 0xA0 and each.inside and len(each.inside[0].inside or ()) == 3:
            yield each  # certificates
        else:
            yield from uncovered(each)


def append(node: Node) -> None:
    if node.inside is None:
        node.content += b"\0"
    else:
        node.inside.append(MORE)


def spell(how: str) -> Callable[[Node], None]:
    def bend(node: Node) -> None:
        node.spelling = how

    return bend


@pytest.mark.parametrize("bend", [append, spell("long"), spell("indefinite")])
def test_a_cms_with_another_field_or_spelling_anywhere_does_not_hold(
    sign: Sign, tmp_path: Path, bend: Callable[[Node], None]
) -> None:
    signed = sign("CMS")
    count = 0
    for octets in bent_trees(signed.octets, bend):
        assert holds(signed, octets, tmp_path) is None, f"value {count}"
        count += 1
    assert count > 30


@pytest.mark.parametrize(
    "field",
    [
        Node(0xA1, b"", [MORE]),  # revocation lists
        Node(0xA1, b"", []),
        Node(0xA0, b"", [Node(0x30, b"", []) for _ in range(2)]),  # certificates again
    ],
)
def test_a_cms_with_optional_fields_does_not_hold(sign: Sign, tmp_path: Path, field: Node) -> None:
    signed = sign("CMS")
    for where in (-1, 3, 4):
        root = tree(signed.octets)
        signed_data = (root.inside or [])[1].inside or []
        (signed_data[0].inside or []).insert(where, field)
        assert holds(signed, root.encode(), tmp_path) is None


@pytest.mark.parametrize("type_", ["2a864886f70d010910020e", "2b060104018237030301", "2a0304"])
def test_an_unsigned_attribute_that_is_no_timestamp_does_not_hold(
    sign: Sign, tmp_path: Path, type_: str
) -> None:
    signed = sign("CMS")
    for token in (MORE, tree(signed.octets)):
        root = tree(signed.octets)
        signer = ((root.inside or [])[1].inside or [])[0].inside or []
        attribute = Node(0x30, b"", [Node(6, bytes.fromhex(type_)), Node(0x31, b"", [token])])
        ((signer[-1].inside or [])[0].inside or []).append(Node(0xA1, b"", [attribute]))
        assert holds(signed, root.encode(), tmp_path) is None


def test_what_is_large_in_a_signature_is_refused_before_it_is_read(
    sign: Sign, tmp_path: Path
) -> None:
    """Empty certificates by the hundred thousand, and an object identifier of a megabyte."""
    signed = sign("CMS")
    for size, tag in ((17, 0xA0), (1 << 17, 0xA0), (1 << 20, 0x06)):
        root = tree(signed.octets)
        signed_data = ((root.inside or [])[1].inside or [])[0].inside or []
        content = b"\x30\0" * size if tag == 0xA0 else b"\xff" * size
        signed_data[3 if tag == 0xA0 else 0] = Node(tag, content)
        assert holds(signed, root.encode(), tmp_path) is None


# Detached.


def test_a_detached_signature_holds_with_its_file_only(sign: Sign, tmp_path: Path) -> None:
    signed = sign("detached")
    file, signature = tmp_path / "app.bin", tmp_path / "app.p7s"
    file.write_bytes(CONTENT)
    signature.write_bytes(signed.octets)
    assert check_file(signed.said, file, signature) == "detached CMS"
    for one, other in ((file, None), (signature, None), (signature, signature)):
        with pytest.raises(NotValidError):
            check_file(signed.said, one, other)
    file.write_bytes(CONTENT + b"\n")
    with pytest.raises(NotValidError):
        check_file(signed.said, file, signature)


def test_an_empty_file_and_an_unknown_format_do_not_hold(sign: Sign, tmp_path: Path) -> None:
    for octets in (b"", b"P", b"PK\3\4", b"MZ", b"MSCF", b"0", b"-----BEGIN ", bytes(100)):
        assert holds(sign("JAR"), octets, tmp_path) is None


@pytest.mark.parametrize("format_", ["CMS", "JAR", "APK v2"])
@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("06072a8648ce3d0201", "06072a8648ce3d0263"),  # a kind of key that nobody knows
        ("06082a8648ce3d030107", "06082a8648ce3d030163"),  # a curve
        ("a003020102", "a003020109"),  # a version
    ],
)
def test_a_certificate_that_no_library_reads_is_said_to_be_damaged(
    sign: Sign, tmp_path: Path, format_: str, there: str, instead: str
) -> None:
    signed = sign(format_)
    octets = signed.octets
    if format_ == "JAR":
        octets = rewritten(
            octets,
            lambda entries: entries.update(
                {
                    name: of_it.replace(bytes.fromhex(there), bytes.fromhex(instead))
                    for name, of_it in entries.items()
                    if name.endswith(".EC")
                }
            ),
        )
    else:
        octets = octets.replace(bytes.fromhex(there), bytes.fromhex(instead))
    assert octets != signed.octets
    assert holds(signed, octets, tmp_path) is None
