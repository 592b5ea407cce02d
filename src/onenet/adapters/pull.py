"""The adapter for a department that cannot be called: its tasks wait until it fetches them (`services.pull`).

It answers in the words of the adapter `webhook`.
"""

from __future__ import annotations

from onenet.adapters.base import Talk, TaskSheet
from onenet.adapters.webhook import Webhook
from onenet.domain.outcome import Offered

NAME = "pull"


class Pull(Webhook):
    """Calls nobody: lets the department fetch the task."""

    def submit(self, task: TaskSheet) -> Talk:
        """No request at all."""
        yield from ()
        return Offered()

    def consult(self, question: TaskSheet) -> Talk:
        """The same."""
        return self.submit(question)

    def withdraw(self, notice: TaskSheet) -> Talk:
        """The same: lets it be fetched."""
        return self.submit(notice)
