"""Log lines for machines: JSON, one line an event, on stderr, each with its request's id."""

import json
import logging
import re
import sys
from contextvars import ContextVar
from typing import TextIO

import msgspec
import structlog
from gunicorn.config import Config
from gunicorn.glogging import Logger as GunicornLogger

_API_KEY = re.compile(r"swk_[A-Za-z0-9]+")

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
    """JSON without API keys, wherever in the event they may have got to (a path, a traceback)."""
    return _API_KEY.sub("swk_[redacted]", _to_json(event))


_SHARED: list[structlog.typing.Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _name_the_request,
]


def configure(stream: TextIO = sys.stderr) -> None:
    """Sends every structlog event of this process to `stream`."""
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.processors.format_exc_info,
            _render,
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
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
