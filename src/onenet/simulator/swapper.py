"""Swaps rows, for a department that has a database of its own: takes tasks out of it, puts answers into it.

What it takes it marks in the column that is its own; killed in between, it takes the task a second time.
Needs SQLAlchemy and the driver of the database, unlike the rest of the simulator.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from onenet.adapters.exchange import read_url
from onenet.adapters.exchange_tables import ANSWERS, TASKS
from onenet.simulator.ledger import Due
from onenet.simulator.server import Department

_MOST = 10
_PAUSE_S = 0.1

_t = TASKS.c
_NEW = select(_t.task, _t.sheet).where(_t.taken_at.is_(None)).order_by(_t.written_at, _t.task).limit(_MOST)


def open_database(url: str) -> Engine:
    """The department's own way into its database."""
    waits: dict[str, Any] = {"timeout": 30} if url.startswith("sqlite") else {}
    return create_engine(read_url(url), poolclass=NullPool, connect_args=waits)


class Rows:
    """The way by which answers go: into the table."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def send(self, answer: Due) -> int | None:
        """201 for a row that is there; None while the database is away."""
        row = {"message_id": answer.message_id, "task": answer.key, "answer": answer.body.decode()}
        try:
            with self._database.begin() as connection:
                connection.execute(insert(ANSWERS).values(row))
        except SQLAlchemyError:
            return None
        return 201

    def close(self) -> None:
        """Each row goes over a connection of its own."""


class Swapper(threading.Thread):
    """Takes tasks for ever, in a thread of its own."""

    def __init__(self, department: Department, database: Engine) -> None:
        super().__init__(daemon=True, name="swapper")
        self._department = department
        self._database = database

    def run(self) -> None:
        """Takes for ever."""
        while True:
            try:
                is_any = self._take_some()
            except SQLAlchemyError:
                is_any = False  # it is away, or others hold a lock: the task comes again
            if not is_any:
                time.sleep(_PAUSE_S)

    def _take_some(self) -> bool:
        """Whether something was taken."""
        with self._database.connect() as connection:
            found = list(connection.execute(_NEW))
        taken = [self._take(task, sheet) for task, sheet in found]
        return any(taken)

    def _take(self, task: str, sheet: str) -> bool:
        body = f'{{"data":{sheet}}}'
        reaction, _ = self._department.receive(task, body.encode())
        if not reaction.takes or reaction.hangs_up:
            return False
        with self._database.begin() as connection:
            mine = update(TASKS).where(_t.task == task)
            connection.execute(mine.values(taken_at=func.current_timestamp()))
        return True
