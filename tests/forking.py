"""Processes of our own, forked from one that has imported already what each of them begins by importing.

To start Python and to import onenet takes 0.5 to 1.2 s of processor time, and a test run does it some hundred
times. What is started here is a process all the same, with an id, a group, an environment, an output and an
end of its own; it runs the module that it was told to from its first line. Only what is imported was so
before, once, in multiprocessing's fork server, which has one thread and does nothing else.

Started from nothing, as people do: tests/test_wheel.py, tests/test_bootstrap.py, tests/e2e/test_demo.py,
tests/adapters/departments.py, tests/cli/test_simulate.py.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

from onenet.cli import COMMANDS

IMPORTED = (
    "tests.faults.altered", "tests.forking", "onenet.app", "onenet.worker", "onenet.simulator.__main__",
    *(f"onenet.cli.{module}" for module in COMMANDS.values()),
    "aiosqlite", "httptools", "psycopg", "uvicorn.protocols.http.httptools_impl", "uvloop",
)  # fmt: skip
"""What is there before a process begins; what cannot be had is left out, as the process itself would find."""


class Forked:
    """A process, asked and told as `subprocess.Popen` is."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], stdout: Path, stderr: Path):
        """Runs `-m MODULE WORDS...`, which append to these files."""
        flag, *words = command
        assert flag == "-m", command
        given = (words, dict(environment), (str(stdout), str(stderr)))
        self._process = _server().Process(target=_become, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; nothing while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """How it ended, looked at now."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended. Raises: TimeoutExpired when it has not."""
        self._process.join(timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Tells it, if it is there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def is_ours(command: Sequence[str]) -> bool:
    """Whether the command is a module run by this Python, and so can be had here."""
    return tuple(command[:2]) == (sys.executable, "-m")


@cache
def _server() -> ForkServerContext:
    server = get_context("forkserver")
    server.set_forkserver_preload(list(IMPORTED))
    return server


def _become(words: list[str], environment: dict[str, str], outputs: tuple[str, str]) -> None:
    """What the new process does: it takes leave of whence it came, and is what it was told to be."""
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment)
    for number, file in enumerate(outputs, start=1):
        taken = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(taken, number)
        os.close(taken)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.argv = words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
