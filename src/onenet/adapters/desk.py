"""The adapter for a department that has no system: a clerk of it decides at a desk (`services.desk`)."""

from __future__ import annotations

from onenet.adapters.base import Talk, TaskSheet
from onenet.adapters.webhook import Webhook
from onenet.domain.outcome import AtDesk

NAME = "desk"


class Desk(Webhook):
    """Calls nobody: the department has the task as soon as there is one."""

    def submit(self, task: TaskSheet) -> Talk:
        """No request at all."""
        yield from ()
        return AtDesk()

    def consult(self, question: TaskSheet) -> Talk:
        """The same: the pages show it."""
        return self.submit(question)

    def withdraw(self, notice: TaskSheet) -> Talk:
        """The same: it lies at the desk."""
        return self.submit(notice)
