"""Many callers who insist on their signatures, whatever becomes of the servers meanwhile."""

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count, cycle

from sealwright.client.client import Client
from sealwright.client.errors import ClientError
from tests.invariants.callers import Reply, connect, sign_over

PATIENCE = 120  # seconds without a signature after which the service counts as gone
_PAUSE = 0.05  # seconds before the same call is made again
_REPEATED = 10  # each so many-th call is made once more when it has been answered


class Load:
    """What the callers were given, by idempotency key; they stop when `stopping` is set."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = ports
        self.released: dict[str, str] = {}
        self.faults: list[str] = []
        self.lost = 0  # connections that broke before there was an answer
        self.unavailable = 0  # answers 503 and 429
        self.refused = 0  # for want of a grant
        self.stopping = threading.Event()
        self.wanted = threading.Event()  # set while somebody waits for a grant
        self._changed = threading.Condition()

    def keep(self, key: str, signature: str) -> None:
        with self._changed:
            self.released[key] = signature
            self._changed.notify_all()

    def complain(self, fault: str) -> None:
        with self._changed:
            self.faults.append(fault)
            self._changed.notify_all()

    def count_unavailable(self) -> None:
        with self._changed:
            self.unavailable += 1
            self._changed.notify_all()

    def await_more(self, number: int) -> None:
        """Until so many more signatures came."""
        wanted = len(self.released) + number
        self._await(lambda: len(self.released) >= wanted, "no more signatures come")

    def await_unavailable(self, number: int) -> None:
        """Until so many more calls were told to come again."""
        wanted = self.unavailable + number
        self._await(lambda: self.unavailable >= wanted, "it is never unavailable")

    def _await(self, condition: Callable[[], bool], otherwise: str) -> None:
        with self._changed:
            came = self._changed.wait_for(lambda: self.faults or condition(), PATIENCE)
        assert came, otherwise
        assert not self.faults, self.faults


class InsistentCaller(threading.Thread):
    """Makes one call after the other, each at one node after the other until it is answered."""

    def __init__(self, load: Load, api_key: str, signer: str, name: str) -> None:
        super().__init__(name=name)
        self._load = load
        self._api_key = api_key
        self._signer = signer
        self._connections = cycle([connect(port) for port in load.ports])
        self._connection = next(self._connections)

    def run(self) -> None:
        try:
            for number in count():
                if self._load.stopping.is_set():
                    break
                key = f"{self.name}-{number}"
                signature = self._insist(key)
                if signature is None:
                    break
                self._load.keep(key, signature)
                if number % _REPEATED == 0 and self._insist(key) != signature:
                    self._load.complain(f"{key}: another signature for the same key")
        except Exception as error:  # noqa: BLE001  # a thread's end has to fail the test
            self._load.complain(f"{self.name}: {error!r}")
        finally:
            self._connection.close()

    def _insist(self, key: str) -> str | None:
        """None: there was no grant for it when it was time to stop."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            reply = self._try(key)
            match (reply.status, reply.text) if reply is not None else None:
                case None:
                    self._load.lost += 1
                    self._connection.close()
                    self._connection = next(self._connections)
                    self._pause()
                case (200, signature):
                    return signature
                case (403, "no_active_grant"):
                    self._load.refused += 1
                    if self._load.stopping.is_set():
                        return None
                    self._load.wanted.set()
                    self._pause()
                case (429 | 503, _):
                    self._load.count_unavailable()
                    self._pause()
                case (status, code):
                    raise AssertionError(f"{key}: answered {status} {code}")
        raise AssertionError(f"{key}: no signature for {PATIENCE} s, at last {reply}")

    def _try(self, key: str) -> Reply | None:
        with suppress(OSError, http.client.HTTPException):
            return sign_over(self._connection, self._api_key, key, signer=self._signer)
        return None

    def _pause(self) -> None:
        threading.Event().wait(_PAUSE)


class Granter(threading.Thread):
    """Issues a grant whenever somebody waits for one, until it is time to stop."""

    def __init__(self, load: Load, client: Client, grantee: str, signings: int) -> None:
        super().__init__(name="granter")
        self._load = load
        self._client = client
        self._grantee = grantee
        self._signings = signings

    def run(self) -> None:
        while not self._load.stopping.is_set():
            if not self._load.wanted.wait(_PAUSE):
                continue
            # A call that broke off may have made a grant all the same: it counts as well.
            with suppress(ClientError):
                self._client.create_grant("bounded", self._grantee, "load", 3600, self._signings)
                self._load.wanted.clear()
