"""Log lines for machines: JSON, one line an event, on stderr, each with its request's id."""

import asyncio
import json
import logging
import re
import sys
from contextlib import suppress
from contextvars import ContextVar
from typing import TextIO

import msgspec
import structlog
from gunicorn.config import Config
from gunicorn.glogging import Logger as GunicornLogger

from controlplane.domain.secret import ANY_PREFIX

_SECRET = re.compile(f"({ANY_PREFIX})[A-Za-z0-9]+")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def _name_the_request(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    current = request_id.get()
    if current is not None:
        event.setdefault("request_id", current)
    return event


_encode = msgspec.json.Encoder(enc_hook=repr).encode


def _to_json(event: structlog.typing.EventDict) -> str:
    """In ASCII, whatever the stream can take. msgspec is quicker, but knows no escapes for that."""
    try:
        text = _encode(event)
    except UnicodeEncodeError:  # half a surrogate pair, from a file's name
        text = None
    return json.dumps(event, default=repr) if text is None or not text.isascii() else text.decode()


def _render(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
    """JSON without API keys and the like, wherever in the event they may have got to (a path, a
    traceback)."""
    return _SECRET.sub(r"\1[redacted]", _to_json(event))


_SHARED: list[structlog.typing.Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _name_the_request,
]


class _Lines:
    """What is said in one turn of an event loop leaves in one piece at its end: to write each line
    would give other threads a turn in the middle. Elsewhere it leaves at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []

    def write(self, text: str) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._send(text)
            return
        if not self._waiting:
            loop.call_soon(self._send_waiting)
        self._waiting.append(text)

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._send("".join(waiting))

    def _send(self, text: str) -> None:
        with suppress(OSError):  # a log that is full stops no signature
            self._stream.write(text)
            self._stream.flush()


class _LinesLogger:
    """For structlog: each event is a line."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines

    def msg(self, line: str) -> None:
        self._lines.write(line + "\n")

    debug = info = warning = error = critical = msg


def configure(stream: TextIO = sys.stderr) -> None:
    """Sends every structlog event of this process to `stream`."""
    lines = _Lines(stream)
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.processors.format_exc_info,
            _render,
        ],
        logger_factory=lambda *_: _LinesLogger(lines),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )


class ServerLogger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own warnings in the shape of ours."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _render,
            ],
        )
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)
