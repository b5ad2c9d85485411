"""A witness by the C2SP documents alone (tlog-witness, tlog-cosignature): nothing of the product is
used. And one that does what a test tells it to."""

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.controlplane.tlog import Checkpoint, open_note

Reply = tuple[int, bytes, dict[str, str]]


@dataclass
class Submission:
    old: int
    proof: list[bytes]
    note: str


def read_submission(body: bytes) -> Submission:
    head, _, note = body.decode().partition("\n\n")
    first, *proof = head.split("\n")
    assert first.startswith("old ")
    return Submission(int(first[4:]), [base64.b64decode(each) for each in proof], note)


@dataclass
class Witness:
    """`misbehaves`: what it answers in place of what it should."""

    log_key: str
    name: str = "witness.example/w1"
    seen: Checkpoint | None = None
    asked: list[Submission] = field(default_factory=list)
    misbehaves: Callable[[Submission], Reply] | None = None
    url: str = ""
    at: int = 1_800_000_000
    _key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def key(self) -> str:
        octets = b"\x04" + self._key.public_key().public_bytes_raw()
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(octets).decode()}"

    @property
    def _id(self) -> bytes:
        octets = b"\x04" + self._key.public_key().public_bytes_raw()
        return hashlib.sha256(f"{self.name}\n".encode() + octets).digest()[:4]

    def sign(self, note: str) -> bytes:
        text = note.partition("\n\n")[0] + "\n"
        said = f"cosignature/v1\ntime {self.at}\n{text}".encode()
        sealed = self._id + self.at.to_bytes(8) + self._key.sign(said)
        return f"\u2014 {self.name} {base64.b64encode(sealed).decode()}\n".encode()

    def answer(self, body: bytes) -> Reply:
        asked = read_submission(body)
        self.asked.append(asked)
        if self.misbehaves is not None:
            return self.misbehaves(asked)
        checkpoint = open_note(asked.note, self.log_key)
        seen = 0 if self.seen is None else self.seen.size
        if asked.old != seen:
            return 409, f"{seen}\n".encode(), {"Content-Type": "text/x.tlog.size"}
        if self.seen is not None and not is_beginning(self.seen, checkpoint, asked.proof):
            return 422, b"", {}
        assert seen or not asked.proof
        self.seen = checkpoint
        return 200, self.sign(asked.note), {}


def is_beginning(old: Checkpoint, new: Checkpoint, proof: list[bytes]) -> bool:
    """RFC 6962 §2.1.4, in the words of RFC 9162 §2.1.4.2."""
    if old.size == new.size:
        return old.root == new.root
    path = list(proof) if old.size & (old.size - 1) else [old.root, *proof]
    fn, sn = old.size - 1, new.size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        assert sn
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (old.root, new.root, 0)


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@contextmanager
def serving(witness: Witness) -> Iterator[Witness]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/w/add-checkpoint"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said, headers = witness.answer(body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """To nobody."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_port}/w"
    try:
        yield witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
