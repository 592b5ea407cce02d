"""The adapter for a department that swaps rows with onenet in a database of its own (前置库).

A task is a row that onenet writes, an answer is a row that the department writes and onenet reads
(`services.exchange`). An answer is in the words of the adapter `webhook`, without an envelope.
"""

from __future__ import annotations

import json

from onenet.adapters import answers, exchange, webhook
from onenet.adapters.base import Answer, Endpoint, Entry, Talk, TaskSheet, UnreadableAnswer
from onenet.adapters.exchange_tables import MOST_ANSWER
from onenet.domain.outcome import Received
from onenet.errors import MisconfiguredError

NAME = "exchange_table"
CREDENTIAL = "url"
"""The URL of the database is a credential, as its password is in it."""


class ExchangeTable:
    """Writes a row; reads what a row says."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises: MisconfiguredError for a URL that cannot be one."""
        if endpoint.options:
            raise MisconfiguredError("the adapter exchange_table knows no options")
        if CREDENTIAL not in endpoint.credentials:
            raise MisconfiguredError(
                "expected the URL of the department's database: onenet department add … --credential url=FILE"
            )
        self._url = endpoint.credentials[CREDENTIAL]
        exchange.read_url(self._url)

    def submit(self, task: TaskSheet) -> Talk:
        """One row."""
        return self._write(task, task.content["case"]["number"] or "")

    def consult(self, question: TaskSheet) -> Talk:
        """The same: its sheet says what is asked."""
        return self._write(question, question.content["number"])

    def _write(self, task: TaskSheet, number: str) -> Talk:
        yield Entry(self._url, task.key, task.content["item"], number, task.payload)
        return Received()

    def withdraw(self, notice: TaskSheet) -> Talk:
        """A row like any other: its sheet says which task it withdraws."""
        return self.submit(notice)

    def read_callback(self, body: bytes) -> Answer:
        """What `message` made of a row. Raises: UnreadableAnswer."""
        said = answers.callback_object(body)
        return Answer(answers.task_named(said), webhook.outcome_said(said, body), answers.seq_named(said))


def message(task: object, answer: object) -> bytes:
    """An answer and the task that its row names, as one body. Raises: UnreadableAnswer."""
    if not isinstance(task, str) or not task:
        raise UnreadableAnswer("task: the id of a task was expected")
    if not isinstance(answer, str):
        raise UnreadableAnswer(f"answer: JSON text of at most {MOST_ANSWER} characters was expected")
    said = answers.callback_object(answer.encode())
    if said.get("task", task) != task:
        raise UnreadableAnswer("answer: /task: not the task of the row")
    return json.dumps({**said, "task": task}, ensure_ascii=False, sort_keys=True).encode()
