"""Every command of the command line, in one pod after another; started by test_pods.py in a
namespace where one folder can be written to and this user has no entry.

Reads an `Order` from stdin, and answers with a line of JSON (`Ended`) for each command in each pod.
What commands are made of is imported here once, so that importing is tried as well; each command is
a process of its own, forked from this one.
"""

import gc
import importlib
import os
import pkgutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import msgspec

from sealwright.cli import main as command_line
from tests.pods.order import TRACEBACK, Ended, Order, Pod

SECONDS = 30
NO_MODULES = ("__main__", "_native", "libsealwright-pkcs11")
KEPT = 200
"""A descriptor for what goes wrong, whatever became of stderr."""


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    for package in ("sealwright", "controlplane"):
        for each in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not each.name.endswith(NO_MODULES):
                importlib.import_module(each.name)
    gc.freeze()
    for pod in order.pods:
        for command in order.commands:
            given = [each.format(pod=pod.name, **order.known) for each in command]
            ended = _run(pod, given, Path(order.known["folder"]))
            sys.stdout.buffer.write(msgspec.json.encode(ended) + b"\n")


def _run(pod: Pod, command: list[str], folder: Path) -> Ended:
    out, err = folder / "out", folder / "err"
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = TRACEBACK
        try:
            _move_into(pod, folder, out, err)
            sys.argv = ["sealwright", *command]
            command_line()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else TRACEBACK
        except BaseException:  # noqa: BLE001  # whatever it is, it is what is looked for
            os.write(KEPT, traceback.format_exc().encode())
        finally:
            os._exit(code)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(SECONDS)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    texts = [each.read_text(errors="replace") for each in (out, err)]
    return Ended(pod.name, command, os.waitstatus_to_exitcode(status), *texts)


def _move_into(pod: Pod, folder: Path, out: Path, err: Path) -> None:
    os.environ.clear()
    os.environ.update({k: v.format(folder=folder) for k, v in pod.environment.items()})
    tempfile.tempdir = None
    if pod.cwd is None:
        gone = folder / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
    else:
        os.chdir(pod.cwd.format(folder=folder))
    new = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
    os.dup2(os.open(err, new, 0o600), KEPT)
    standard = [os.open(os.devnull, os.O_RDONLY), os.open(out, new, 0o600), KEPT]
    for number, descriptor in enumerate(standard):
        os.dup2(os.open("/dev/full", os.O_RDWR) if number in pod.full else descriptor, number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        how: Any = {"mode": "r" if number == 0 else "w", "buffering": -1 if number < 2 else 1}
        setattr(sys, name, open(number, **how, encoding="utf-8", closefd=False))  # noqa: SIM115
        if number in pod.closed:  # as the interpreter finds it at its start
            setattr(sys, name, None)
            os.close(number)


main()
