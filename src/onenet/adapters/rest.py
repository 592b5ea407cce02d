"""The adapter for a department with an API of its own, spoken to by a description and without code.

What goes out and what comes in is a matter of `description`; here it is put to use. A word that the
description does not have is Unclear, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import ValidationError

from onenet.adapters import answers, description, template, webhook
from onenet.adapters.base import READS, Answer, Endpoint, Talk, TaskSheet, UnreadableAnswer
from onenet.adapters.description import Meaning
from onenet.adapters.failures import NotCalled
from onenet.adapters.template import NOTHING, Unfilled
from onenet.domain.outcome import Outcome, Received, TryLater, Unclear
from onenet.errors import MalformedJson


class Rest:
    """Hands a task over and reads the answer as the endpoint's options describe it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = endpoint.url.rstrip("/")
        self._says = description.read(endpoint.options)

    def submit(self, task: TaskSheet) -> Talk:
        """One request, with the same bytes for every try."""
        response = yield self._request(task)
        return self._read(task, response)

    def read_callback(self, body: bytes) -> Answer:
        """The answer in this body, by the same words. Raises: UnreadableAnswer."""
        answer = self._says.answer
        if answer.task is None:
            raise UnreadableAnswer(
                "no callback was expected: the description does not say where /task stands"
            )
        said = answers.callback_object(body)
        task = template.look(said, answer.task)
        if not isinstance(task, str) or not task:
            raise UnreadableAnswer(f"{answer.task}: the id of a task was expected")
        outcome = self._outcome(said)
        if outcome is None or isinstance(outcome, TryLater):
            outcome = self._unknown_word()
        return Answer(task, outcome, self._seq(said))

    def _request(self, task: TaskSheet) -> httpx2.Request:
        """Raises: NotCalled when the task has no value for a reference."""
        wanted = self._says.request
        try:
            path = template.fill_text(wanted.path, task.content, _in_path)
            headers = {
                name: template.fill_text(value, task.content) for name, value in wanted.headers.items()
            }
            body = template.fill(wanted.body, task.content)
        except Unfilled as error:
            raise NotCalled(f"the task: {error}") from None
        content = json.dumps(None if body is NOTHING else body, ensure_ascii=False, sort_keys=True).encode()
        reads = frozenset(map(int, self._says.answer.statuses))
        return httpx2.Request(
            wanted.method, self._url + path, headers=headers, content=content, extensions={READS: reads}
        )

    def _read(self, task: TaskSheet, response: httpx2.Response) -> Outcome:
        answer = self._says.answer
        meaning = answer.statuses.get(str(response.status_code))
        try:
            said = answers.answered_object(response) or {}
        except MalformedJson as error:
            if meaning is None:
                return Unclear(f"the answer: {error}")
            said = {}
        if answer.task is not None and template.look(said, answer.task) not in (NOTHING, task.key):
            return Unclear(f"{answer.task}: the answer is about another task")
        if meaning is not None:
            return _meant(meaning, said)
        return self._outcome(said) or Received()

    def _outcome(self, said: Mapping[str, Any]) -> Outcome | None:
        """What the word in this object means; None when there is none."""
        answer = self._says.answer
        value = template.look(said, answer.word)
        if value is NOTHING:
            return None
        meaning = answer.words.get(template.as_word(value) or "")
        return self._unknown_word() if meaning is None else _meant(meaning, said)

    def _unknown_word(self) -> Unclear:
        answer = self._says.answer
        return Unclear(f"{answer.word}: expected one of {', '.join(answer.words)}")

    def _seq(self, said: Mapping[str, Any]) -> int | None:
        """Their own count, where it can be read."""
        if self._says.answer.seq is None:
            return None
        return answers.seq_named({"seq": template.look(said, self._says.answer.seq)})


def _in_path(value: str) -> str:
    """A value as one part of an address, whatever an applicant put in it. Raises: Unfilled."""
    if not value.strip("."):
        raise Unfilled("a value for the address was expected, and not dots or nothing")
    return quote(value, safe="")


def _meant(meaning: Meaning, said: Mapping[str, Any]) -> Outcome:
    """The outcome with its members, as strict as if the department had said it in our words."""
    try:
        told = template.fill(meaning, said)
    except Unfilled as error:
        return Unclear(f"the answer: {error}")
    match told["outcome"]:
        case "received":
            return Received()
        case "try_later":
            return TryLater("transient", told["reason"])
        case "unclear":
            return Unclear(told["reason"])
        case word:
            try:
                return webhook.ANSWERS[word].model_validate_json(json.dumps(told)).to_outcome()
            except ValidationError as error:
                return Unclear(f"the answer, read as {word}: {answers.faults(error)}")
