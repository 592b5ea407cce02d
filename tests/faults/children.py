"""Children: processes under test. Each has a group of its own, writes to a file, and is ended by its id."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.forking import Forked, is_ours

TAIL_BYTES = 4_000


class EndedByItself(AssertionError):
    """A process was gone before anybody killed it: a fault of its own, never one of ours."""


class Child:
    """A process that can be started again and again by the same command.

    `is_wanted`: whether it should be running now; one that is not and one that nobody ended are told apart.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]):
        """Starts nothing yet; `folder` takes its log."""
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self.is_wanted = False

    def start(self, *, command: Sequence[str] | None = None, **settings: str) -> None:
        """Starts it, with further variables, once with another command than its own.

        Its output goes to a file: a full pipe would block it and look like a hang.
        """
        self.is_wanted = True
        chosen, environment = command or self._command, self._environment | settings
        if is_ours(chosen):
            self._process = Forked(chosen[1:], environment, self.log, self.log)
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                chosen,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )

    def kill(self) -> None:
        """kill -9. Raises: EndedByItself."""
        process = self._alive()
        self.is_wanted = False
        process.send_signal(signal.SIGKILL)
        process.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM. Raises: EndedByItself."""
        self._alive().send_signal(signal.SIGTERM)
        self.is_wanted = False

    def freeze(self) -> None:
        """SIGSTOP: it does nothing more, and knows nothing of it. Raises: EndedByItself."""
        self._alive().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if no time had passed. Raises: EndedByItself."""
        self._alive().send_signal(signal.SIGCONT)

    async def status(self, within_s: float) -> int:
        """The exit status, as soon as there is one. Raises: AssertionError when it takes too long."""
        deadline = time.monotonic() + within_s
        assert self._process is not None
        while (status := self._process.poll()) is None:
            assert time.monotonic() < deadline, f"{self.name} did not stop in {within_s} s\n{self.tail()}"
            await asyncio.sleep(0.02)
        self.is_wanted = False
        return status

    def check(self) -> None:
        """Passes while it does what it should. Raises: EndedByItself."""
        if self.is_wanted:
            self._alive()

    def end(self) -> None:
        """Ends it, whatever state it is in."""
        self.is_wanted = False
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait()

    @property
    def is_running(self) -> bool:
        """Whether the process is there, wanted or not."""
        return self._process is not None and self._process.poll() is None

    def said(self, words: str) -> int:
        """How many lines of its log have these words in them."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return sum(words in line for line in text.splitlines())

    def tail(self) -> str:
        """The last words of its log."""
        text = self.log.read_bytes()[-TAIL_BYTES:] if self.log.exists() else b""
        return f"--- {self.name}\n{text.decode(errors='replace')}"

    def _alive(self) -> subprocess.Popen[bytes] | Forked:
        process = self._process
        if process is None or process.poll() is not None:
            status = "never started" if process is None else f"exit status {process.returncode}"
            raise EndedByItself(f"{self.name}: {status}\n{self.tail()}")
        return process


def environment(**settings: str) -> dict[str, str]:
    """Variables for a child: of this process's own onenet settings only what the whole run is made with."""
    given = {"ONENET_CAPABILITIES", "ONENET_KEK", "ONENET_INNER_NETWORKS"}
    kept = {n: value for n, value in os.environ.items() if not n.startswith("ONENET_") or n in given}
    return kept | {"PYTHONUNBUFFERED": "1"} | settings
