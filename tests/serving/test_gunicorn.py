"""What of gunicorn the server builds upon, beyond its documentation: an upgrade that changes any of
it is seen here, and looked at, before it is taken.

`NAMES` is the one place where these names stand. A digest covers a member's source and every line
of its class that mentions it. To take a changed one over: read what changed, then print the table
anew with `SEALWRIGHT_PRINT_GUNICORN=1 pytest -s tests/serving/test_gunicorn.py`.
"""

import ast
import hashlib
import inspect
import os
import re
from collections.abc import Iterator
from functools import cache

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.asgi.parser import CallbackRequest
from gunicorn.asgi.protocol import ASGIProtocol, BodyReceiver
from gunicorn.config import KNOWN_SETTINGS
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from gunicorn.workers.gasgi import ASGIWorker

from tests.controlplane.conftest import ROOT

SERVING = sorted((ROOT / "controlplane" / "serving").glob("*.py"))
SOURCES = [*SERVING, ROOT / "controlplane" / "logging.py"]

SUBCLASSED = {
    "ASGIProtocol": (ASGIProtocol,),
    "ASGIWorker": (ASGIWorker, Worker),
    "Arbiter": (Arbiter,),
    "BaseApplication": (BaseApplication,),
    "GunicornLogger": (Logger,),
}
HELD = {  # what else of gunicorn's the sources hold, and by which names
    "request": (CallbackRequest,),
    "_current_request": (CallbackRequest,),
    "receiver": (BodyReceiver,),
    "_body_receiver": (BodyReceiver,),
    "arbiter": (Arbiter,),
    "worker": (ASGIWorker, Worker),
}
RELIED_UPON: set[tuple[type, str]] = {  # what calls the members that are overridden
    (ASGIProtocol, "_handle_connection"),
    (ASGIProtocol, "_handle_http_request"),
    (ASGIProtocol, "_serve_http_request"),
    (BodyReceiver, "receive"),
    (CallbackRequest, "from_parser"),
    (ASGIWorker, "run"),
    (ASGIWorker, "_cleanup"),
    (Arbiter, "run"),
    (Arbiter, "stop"),
}

NAMES = {
    "ASGIProtocol._arm_keepalive_timer": "ef0f297fbcfbc268",
    "ASGIProtocol._body_receiver": "e5693c6efe2b08a2",
    "ASGIProtocol._build_http_scope": "ba70ba5375fb8262",
    "ASGIProtocol._cancel_task_if_pending": "d9a846beeaed5596",
    "ASGIProtocol._check_h1c_protocol_available": "4d5aa9d9eca1ebc7",
    "ASGIProtocol._close_transport": "1be715c77d210bbf",
    "ASGIProtocol._closed": "6996a5473aab1268",
    "ASGIProtocol._current_request": "832559b0fa8c2622",
    "ASGIProtocol._feed_callback_parser": "6867193ff0b56012",
    "ASGIProtocol._handle_connection": "f2a96aee574cd14c",
    "ASGIProtocol._handle_http_request": "1216f9c22a4f223e",
    "ASGIProtocol._is_websocket_upgrade": "61eb6cc14c9e7cdc",
    "ASGIProtocol._max_buffer_size": "e7cc8e0fdd79eb8e",
    "ASGIProtocol._on_headers_complete": "75323bbf90b6199a",
    "ASGIProtocol._on_message_complete": "48e9a0e5edad442b",
    "ASGIProtocol._pause_reading": "3411b0bde644e985",
    "ASGIProtocol._reading_paused": "d7636bf0a225a843",
    "ASGIProtocol._request_ready": "d3e0acc84f2914b1",
    "ASGIProtocol._resume_reading": "a03abc906d9fea38",
    "ASGIProtocol._safe_write": "877a640d4e5b6619",
    "ASGIProtocol._send_error_response": "79f508f36d010731",
    "ASGIProtocol._serve_http_request": "e0fcf1b6342ec7fb",
    "ASGIProtocol._task": "d4cf26230b7777c9",
    "ASGIProtocol._will_close": "c596e1ccc7efe1a0",
    "ASGIProtocol.connection_lost": "505a532685b29d03",
    "ASGIProtocol.connection_made": "6437a9659150a49f",
    "ASGIProtocol.data_received": "c5a3fdcf1d229708",
    "ASGIProtocol.pause_writing": "59caddc58040bd51",
    "ASGIProtocol.resume_writing": "9d7b8c4bb99fb1a4",
    "ASGIProtocol.transport": "eaa04de24c65a179",
    "ASGIProtocol.worker": "16f4bda089035e31",
    "ASGIWorker._cleanup": "aba7dd7f6867f11d",
    "ASGIWorker._quick_shutdown": "cc120fda2d7cd453",
    "ASGIWorker._serve": "d4ad06405502257d",
    "ASGIWorker._shutdown": "efdc3d8645ab4b8a",
    "ASGIWorker.alive": "39fe388c642df4cf",
    "ASGIWorker.asgi": "5a4fc4eafb25e138",
    "ASGIWorker.handle_exit_signal": "88673df00d069c86",
    "ASGIWorker.handle_quit_signal": "2ff15af38fd2ea21",
    "ASGIWorker.init_process": "6e58861732d197d5",
    "ASGIWorker.init_signals": "67bbfc387fd9da83",
    "ASGIWorker.load_wsgi": "a4d0fdcca77cd7c1",
    "ASGIWorker.loop": "1f1ab391f9e0d83b",
    "ASGIWorker.ppid": "e57d5aadf0b56142",
    "ASGIWorker.run": "b01e14978bb32651",
    "Arbiter.WORKERS": "0dd4baf256d93704",
    "Arbiter.app": "1d962dcc3410b751",
    "Arbiter.handle_hup": "2d9e2a8afd4f2bc6",
    "Arbiter.handle_ttin": "e29f9446fd4ac08c",
    "Arbiter.handle_usr2": "7318779566c4d32c",
    "Arbiter.kill_workers": "17e2ad861fbcd493",
    "Arbiter.num_workers": "750f11dbc92c3506",
    "Arbiter.run": "319f95412cfeeced",
    "Arbiter.spawn_worker": "669ee764bdcada83",
    "Arbiter.stop": "dbb0cdd938bbcbb3",
    "BaseApplication.cfg": "1631c24b04201462",
    "BaseApplication.load": "d50549f9c00b923f",
    "BaseApplication.load_config": "5c052877b3282f88",
    "BodyReceiver._complete": "90c671c0a318b341",
    "BodyReceiver.receive": "b14c8cf09d17f248",
    "BodyReceiver.signal_disconnect": "6791235885c4aca7",
    "CallbackRequest.chunked": "ae0115dc1c00baf1",
    "CallbackRequest.content_length": "cd5c5a1d82239b87",
    "CallbackRequest.from_parser": "770e840dfcef9b27",
    "CallbackRequest.version": "7321171fd2d40268",
    "Logger.error_log": "02342a2e133f56c6",
    "Logger.setup": "ad905a347abb743f",
    "Worker.app": "60a249a788c242e9",
    "Worker.cfg": "43756bf7641b39d8",
    "Worker.notify": "f492cfc6f2ae778f",
    "Worker.sockets": "843b12b2c44fee01",
}


@cache
def text(kind: type) -> str:
    return inspect.getsource(kind)


@cache
def members(kind: type) -> set[str]:
    """Also those that only instances have."""
    assigned = re.findall(r"\bself\.(\w+)\b[^=\n]*=(?!=)", text(kind))
    return set(vars(kind)) | set(assigned) | set(getattr(kind, "__slots__", ()))


def owner(kinds: tuple[type, ...], name: str) -> type | None:
    return next((kind for kind in kinds if name in members(kind)), None)


def touched() -> Iterator[tuple[type, str]]:
    """Of each of gunicorn's classes, the members that are overridden or used."""
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                kinds = next((SUBCLASSED[base] for base in bases if base in SUBCLASSED), ())
                yield from _within(node, kinds)
            if isinstance(node, ast.Attribute):
                yield from _held(node)


def _within(subclass: ast.ClassDef, kinds: tuple[type, ...]) -> Iterator[tuple[type, str]]:
    for node in ast.walk(subclass):
        name = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = node.name
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()"):
            name = node.attr
        if name is not None and not name.startswith("__") and (kind := owner(kinds, name)):
            yield kind, name


def _held(node: ast.Attribute) -> Iterator[tuple[type, str]]:
    holder = ast.unparse(node.value).rpartition(".")[2]
    kinds = SUBCLASSED.get(holder, HELD.get(holder, ()))
    if kind := owner(kinds, node.attr):
        yield kind, node.attr


def digest(kind: type, name: str) -> str:
    member = vars(kind).get(name)
    member = getattr(member, "__func__", member)
    source = inspect.getsource(member) if inspect.isfunction(member) else ""
    mentions = [line for line in text(kind).splitlines() if re.search(rf"\b{name}\b", line)]
    return hashlib.sha256("\n".join([source, *mentions]).encode()).hexdigest()[:16]


def current() -> dict[str, str]:
    return dict(
        sorted(
            (f"{kind.__name__}.{name}", digest(kind, name))
            for kind, name in RELIED_UPON | set(touched())
        )
    )


def test_what_is_built_upon_is_as_it_was_when_it_was_read() -> None:
    found = current()
    if os.environ.get("SEALWRIGHT_PRINT_GUNICORN"):
        print("\n".join(f'    "{name}": "{seen}",' for name, seen in found.items()))  # noqa: T201
    assert found == NAMES


def test_nothing_private_of_gunicorn_is_touched_unseen() -> None:
    """Whatever holds it."""
    everything = {
        name
        for kinds in [*SUBCLASSED.values(), *HELD.values()]
        for kind in kinds
        for name in members(kind)
    }
    named = {name.rpartition(".")[2] for name in NAMES}
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
                assert node.attr in named or node.attr not in everything, f"{source}: {node.attr}"


def test_every_setting_that_is_chosen_exists() -> None:
    tree = ast.parse((ROOT / "controlplane" / "serving" / "server.py").read_text())
    chosen = {
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.target) == "chosen"
        and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }
    assert {"worker_class", "http_parser"} <= chosen
    assert chosen <= {setting.name for setting in KNOWN_SETTINGS}
