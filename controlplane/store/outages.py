"""What the server's log says of a store that cannot be used: the cause, once, and the end of it."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Literal

import structlog

Use = Literal["read", "write"]

AGAIN_AFTER_SECONDS = 10
_MOST_CAUSES = 32  # remembered; a driver's words may hold numbers that differ each time
_log = structlog.get_logger()


class Outages:
    """Of this process. The same cause is a line at most every AGAIN_AFTER_SECONDS."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._told: dict[str, float] = {}
        self._failing: set[Use] = set()

    def failed(self, use: Use, cause: str) -> None:
        now = self._monotonic()
        with self._lock:
            before = self._told.get(cause)
            if before is not None and now < before + AGAIN_AFTER_SECONDS:
                return
            if len(self._told) >= _MOST_CAUSES:
                self._told.clear()
            self._told[cause] = now
            self._failing.add(use)
        _log.error("store_unavailable", cause=cause)

    def worked(self, use: Use) -> None:
        """A full disk can be read: a write alone ends what a write found."""
        if not self._failing:
            return
        with self._lock:
            was_failing = bool(self._failing)
            self._failing -= {"read", "write"} if use == "write" else {"read"}
            is_over = was_failing and not self._failing
        if is_over:
            _log.info("store_available")


OUTAGES = Outages()
