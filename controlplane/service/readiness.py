"""Can the server serve? Looked at now and then, however often it is asked."""

import time
from collections.abc import Callable
from threading import Lock

from controlplane.errors import Refused

LOOK_AGAIN_SECONDS = 1.0


class Readiness:
    """Of one process. Who asks while somebody looks is answered with what was seen before."""

    def __init__(
        self, look: Callable[[], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`look` is Refused where the server is not ready."""
        self._look = look
        self._monotonic = monotonic
        self._looking = Lock()
        self._looked: float | None = None
        self._refused: Refused | None = None

    def check(self) -> None:
        """As `look`."""
        if self._looking.acquire(blocking=self._looked is None):
            try:
                self._look_if_it_is_time()
            finally:
                self._looking.release()
        if self._refused is not None:
            raise self._refused.with_traceback(None)

    def _look_if_it_is_time(self) -> None:
        if self._looked is not None and self._monotonic() < self._looked + LOOK_AGAIN_SECONDS:
            return
        try:
            self._look()
            self._refused = None
        except Refused as refused:
            self._refused = refused
        self._looked = self._monotonic()
