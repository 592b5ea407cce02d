"""The control of the crash test: `onenet`, but a document is answered for before its row is committed."""

from __future__ import annotations

import asyncio
from typing import Any

from onenet.cli import main
from onenet.services import documents

_late: set[asyncio.Task[Any]] = set()


async def answer_first(database: Any, once: Any, now: Any, effect: Any) -> Any:
    """The answer at once; what it promises is done a little later, in the background."""
    from onenet.services.once import do_once

    answers: list[Any] = []

    class Nothing:
        async def execute(self, *given: Any) -> Any:
            return type("Done", (), {"rowcount": 1})()

    answers.append(await effect(Nothing()))

    async def later() -> None:
        await asyncio.sleep(0.15)
        await do_once(database, once, now, effect)

    task = asyncio.create_task(later())
    _late.add(task)
    task.add_done_callback(_late.discard)
    return answers[0], False


if __name__ == "__main__":
    vars(documents)["do_once"] = answer_first  # the fault that is planted
    main()
