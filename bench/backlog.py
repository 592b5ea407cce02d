"""How fast workers get through a backlog that is there before they begin."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process

from bench.ground import ROOT, Ground, environment
from bench.measure import NotMeasured

LIMIT_S = 600.0


def rate(ground: Ground, url: str, workers: int, cases: int, bundle: str = "five") -> float:
    """Cases per second of so many worker processes together, from their start to the last completion."""
    ground.own("backlog", "fill", url, "--cases", cases, "--bundle", bundle)
    return asyncio.run(_drain(url, workers, cases))


async def _drain(url: str, workers: int, cases: int) -> float:
    processes = [await _worker(url) for _ in range(workers)]
    try:
        async with asyncio.timeout(LIMIT_S):
            for process in processes:
                await _line(process)  # ready
            began = time.perf_counter()
            for process in processes:
                _say(process)
            await _until(processes, cases)
            return cases / (time.perf_counter() - began)
    except TimeoutError as error:
        raise NotMeasured(f"{cases} cases were not completed within {LIMIT_S:.0f} s") from error
    finally:
        for process in processes:
            if process.returncode is None:
                _say(process)
                await process.wait()


async def _worker(url: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.own.backlog", "work", url,
        stdin=PIPE, stdout=PIPE, cwd=ROOT, env=environment(),
    )  # fmt: skip


def _say(process: Process) -> None:
    assert process.stdin
    process.stdin.write(b"\n")


async def _line(process: Process) -> bytes:
    assert process.stdout
    line = await process.stdout.readline()
    if not line:
        raise NotMeasured("a worker ended before its time")
    return line


async def _until(processes: list[Process], cases: int) -> None:
    """Waits until what the workers have completed is all there is."""
    completed = [0] * len(processes)
    done = asyncio.Event()

    async def follow(number: int) -> None:
        while True:
            completed[number] = int(await _line(processes[number]))
            if sum(completed) >= cases:
                done.set()

    following = [asyncio.create_task(follow(number)) for number in range(len(processes))]
    waiting = asyncio.create_task(done.wait())
    finished, _ = await asyncio.wait([waiting, *following], return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, *following):
        task.cancel()
    for task in finished:
        task.result()
