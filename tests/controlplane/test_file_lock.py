"""The lock beside a SQLite file: one at a time, woken at once, and nobody waits without end."""

import ctypes
import errno
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlplane.store import file_lock
from controlplane.store.file_lock import FileLock

ROOT = Path(__file__).resolve().parents[2]
_HOLD = """
import sys
from pathlib import Path
from controlplane.store.file_lock import FileLock
lock = FileLock(Path(sys.argv[1]))
lock.acquire(10)
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


class Holder:
    """Another process that holds it."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.read() == "held"

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("elsewhere", [True, False], ids=["in another process", "in a thread"])
def test_waiting_ends(path: Path, elsewhere: bool) -> None:
    lock = FileLock(path)
    if elsewhere:
        holder = Holder(path)
    else:
        lock.acquire(1)
    with pytest.raises(TimeoutError):
        lock.acquire(0.2)
    if elsewhere:
        holder.go_on()
        assert holder.read() == "released"
        holder.end()
    else:
        lock.release()
    lock.acquire(0)
    lock.release()
    lock.close()


def test_who_waits_is_woken_by_the_release(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by looking now and then: that would be much later here."""
    monkeypatch.setattr("controlplane.store.file_lock._LOOK_AGAIN_SECONDS", 3600)
    lock, holder = FileLock(path), Holder(path)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lock.acquire, 3600)
        await_waiter(lock)
        holder.go_on()
        waiting.result(60)
    holder.end()
    lock.release()
    lock.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_who_was_killed_holds_nothing(path: Path, how: signal.Signals) -> None:
    lock, holder = FileLock(path), Holder(path)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lock.acquire, 60)
        await_waiter(lock)
        holder.process.send_signal(how)
        waiting.result()
    holder.end()
    lock.release()
    lock.close()


def test_one_at_a_time_among_threads_and_locks(path: Path) -> None:
    locks = [FileLock(path) for _ in range(3)]
    inside = 0
    most = 0

    def work(number: int) -> None:
        nonlocal inside, most
        for _ in range(50):
            locks[number % 3].acquire(60)
            inside += 1
            most = max(most, inside)
            inside -= 1
            locks[number % 3].release()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert most == 1
    for lock in locks:
        lock.close()


def test_who_cannot_be_told_looks_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs of the same user can have taken all that the kernel watches for it."""

    def none_left(flags: int) -> int:
        ctypes.set_errno(errno.EMFILE)
        return -1

    monkeypatch.setattr(file_lock._libc, "inotify_init1", none_left)
    lock, holder = FileLock(path), Holder(path)
    with pytest.raises(TimeoutError):
        lock.acquire(0.05)
    holder.go_on()
    lock.acquire(60)
    holder.end()
    lock.release()
    lock.close()


def await_waiter(lock: FileLock) -> None:
    while lock._events < 0:
        threading.Event().wait(0.001)
