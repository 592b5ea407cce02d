"""How a developer's own system is restarted while it is checked: by a command, or by who sits there."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Awaitable, Callable

import typer

from onenet.destinations import place_of

LISTENS_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.1


def restarting(command: str | None, url: str) -> Callable[[], Awaitable[None]] | None:
    """How the system is restarted: by a command, by the person at the terminal, or not at all."""
    if command is None and not sys.stdin.isatty():
        return None

    async def restart() -> None:
        if command is None:
            _tell("restart your system now, then press Enter")
            await asyncio.to_thread(sys.stdin.readline)
        else:
            _tell(f"restarting: {command}")
            process = await asyncio.create_subprocess_exec(*shlex.split(command))
            if status := await process.wait():
                _tell(f"warning: the command ended with status {status}")
        await _until_it_listens(url)

    return restart


async def _until_it_listens(url: str) -> None:
    place, now_s = place_of(url), asyncio.get_running_loop().time
    deadline_s = now_s() + LISTENS_WITHIN_S
    while now_s() < deadline_s:
        try:
            _, writer = await asyncio.open_connection(place.host.strip("[]"), place.port)
        except OSError:
            await asyncio.sleep(_LOOK_AGAIN_S)
            continue
        writer.close()
        return
    _tell(f"warning: nobody listens at {url}")


def _tell(line: str) -> None:
    typer.echo(line, err=True)
