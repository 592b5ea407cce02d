"""`onenet demo` from its words to its exit status: the folder, Ctrl-C, and which of the two ways to run."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from onenet.demo.applicant import Refused
from onenet.demo.check import check
from onenet.demo.folder import Folder
from onenet.demo.live import live
from onenet.demo.processes import ChildFailed
from onenet.demo.town import check_port

DEFAULT_FOLDER = Path(".onenet-demo")

WARNING = (
    "A demonstration: its keys, secrets and departments are not for production.\n"
    "Everything listens on 127.0.0.1 alone; nobody and nothing in it is real."
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line said. None: the demo chooses."""

    folder: Path
    check: bool
    fresh: bool
    speed: float | None
    port: int | None
    open_browser: bool


def run(choices: Choices) -> int:
    """Runs the demo until Ctrl-C, or the check until its end; gives the exit status.

    Raises: MisconfiguredError for a folder that is somebody else's, and a port that is taken.
    """
    if choices.port is not None:
        check_port(choices.port)
    console = Console(highlight=False)
    console.print(Panel(WARNING, expand=False))
    if not choices.check:
        return _in_folder(choices, choices.folder, console)
    if choices.folder != DEFAULT_FOLDER:
        return _in_folder(choices, choices.folder, console)
    # Not in the default folder: that is the live demo's, which may be running.
    temporary = Path(tempfile.mkdtemp(prefix="onenet-demo-"))
    status = _in_folder(choices, temporary, console)
    if status == 0:
        shutil.rmtree(temporary)
    return status


def _in_folder(choices: Choices, path: Path, console: Console) -> int:
    folder = Folder(path)
    folder.prepare(fresh=choices.fresh)
    with folder.locked() as lock:
        if choices.check:
            work = check(folder, lock, console, speed=choices.speed, port=choices.port)
        else:
            work = live(
                folder,
                lock,
                console,
                speed=choices.speed,
                port=choices.port,
                open_browser=choices.open_browser,
            )
        try:
            status = asyncio.run(_until_stopped(work))
        except (ChildFailed, Refused) as failure:
            console.print(f"× {failure}\nlogs: {folder.logs}", markup=False, soft_wrap=True)
            return 1
    if status is not None:
        return status
    console.print(f"Stopped. Cases and clock are kept in {path}.", markup=False, soft_wrap=True)
    console.print("Go on: the same command again.   Begin anew: with --fresh")
    return 1 if choices.check else 0


async def _until_stopped(work: Coroutine[None, None, int]) -> int | None:
    """What the work gives; None when a signal ended it. It is ended by cancelling: it stops its processes."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
