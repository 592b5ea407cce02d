"""Child processes: started with their own log, found ready by what they say or answer, stopped by their id.

Each has a session of its own, so Ctrl-C reaches only the parent, which stops them in order; and each holds
the end of a pipe by which it notices that the parent was killed, and ends as well. None of the parent's
`ONENET_*` variables is passed on: the demo must not touch somebody's real database.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

_RUN_MODULE = """
import os, runpy, signal, sys, threading

def end_with_parent():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_with_parent, daemon=True).start()
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""`python -m`, with a thread that waits for the parent's end."""

START_WITHIN_S = 30.0
STOP_WITHIN_S = 8.0


class ChildFailed(Exception):
    """A process of the demo did not start or ended by itself; the message names its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started. What it says on standard error goes to `log`."""

    name: str
    process: Process
    log: Path

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.process.returncode is not None

    def failure(self, what: str) -> ChildFailed:
        """The error that tells what it did wrong."""
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return ChildFailed(
            f"{self.name} {what}: {said[-1][:300] if said else 'it said nothing'} (log: {self.log})"
        )


async def start(
    name: str, arguments: Sequence[str], log: Path, *, lock: int, variables: Mapping[str, str] | None = None
) -> Child:
    """Starts a module with arguments. `lock`: the descriptor that holds the demo's folder."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ONENET_")}
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _RUN_MODULE,
            *arguments,
            stdin=PIPE,
            stdout=PIPE if variables is None else file,
            stderr=file,
            env={**kept, **(variables or {})},
            pass_fds=(lock,),
            start_new_session=True,
        )
    return Child(name, process, log)


async def said_port(child: Child) -> int:
    """The port in the line that a simulated department prints when it listens. Raises: ChildFailed."""
    if child.process.stdout is None:
        raise child.failure("has no output to read")
    try:
        async with asyncio.timeout(START_WITHIN_S):
            line = await child.process.stdout.readline()
        return int(json.loads(line)["port"])
    except TimeoutError:
        raise child.failure(f"did not listen within {START_WITHIN_S:.0f} s") from None
    except (ValueError, KeyError, TypeError):
        raise child.failure("did not start") from None


async def answers(child: Child, url: str) -> None:
    """Returns as soon as `url` is answered 200. Raises: ChildFailed."""
    deadline_s = time.monotonic() + START_WITHIN_S
    async with httpx2.AsyncClient(trust_env=False, timeout=2.0) as client:
        while time.monotonic() < deadline_s:
            if child.has_ended:
                raise child.failure("did not start")
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.05)
    raise child.failure(f"did not answer within {START_WITHIN_S:.0f} s")


async def stop(children: Sequence[Child]) -> None:
    """Asks them all to end, and waits; whoever does not end in time is killed."""
    for child in children:
        if not child.has_ended:
            child.process.terminate()
    for child in children:
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await child.process.wait()
        except TimeoutError:
            child.process.kill()
            await child.process.wait()
