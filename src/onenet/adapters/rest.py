"""The adapter for a department with an API of its own, spoken to by a description and without code.

What goes out and what comes in is a matter of `description`; here it is put to use. A word that the
description does not have is Unclear, never a guess. Source: docs/decisions/0035.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Set
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
from pydantic import ValidationError

from onenet.adapters import answers, description, grants, signing, template, webhook
from onenet.adapters.answers import Format
from onenet.adapters.base import READS, SIGNED, TLS, Answer, Endpoint, Talk, TaskSheet, UnreadableAnswer
from onenet.adapters.description_parts import Meaning, SaidPart
from onenet.adapters.failures import NotCalled
from onenet.adapters.grants import NoToken
from onenet.adapters.template import NOTHING, Unfilled
from onenet.adapters.tls import Tls
from onenet.adapters.xml_body import read_xml, write_xml
from onenet.domain.outcome import (
    Accepted,
    AtDesk,
    Outcome,
    Received,
    Resumed,
    SupplementNeeded,
    Suspended,
    TryLater,
    Unclear,
)
from onenet.errors import MalformedJson, MisconfiguredError


def _as_json(body: Any) -> bytes:
    return json.dumps(None if body is NOTHING else body, ensure_ascii=False, sort_keys=True).encode()


def _as_form(body: Mapping[str, Any]) -> bytes:
    fields = {name: template.as_word(value) for name, value in body.items()}
    if None in fields.values():
        raise Unfilled("the body: a text or a number was expected in each field")
    return urlencode(fields).encode()


FORMATS: Mapping[str, Format] = {
    "json": answers.JSON,
    "xml": Format(("application/xml", "text/xml"), "+xml", read_xml),
}
"""How an answer is read."""

BODIES: Mapping[str, tuple[str, Callable[[Any], bytes]]] = {
    "json": ("application/json", _as_json),
    "xml": ("application/xml; charset=utf-8", write_xml),
    "form": ("application/x-www-form-urlencoded", _as_form),
}
"""How a body is written, and what it calls itself."""

_TOLD_AGAIN = (Accepted, SupplementNeeded, Suspended, Resumed)
"""Outcomes that a department which is asked says again until it has decided."""

_MOST_OF_A_REFERENCE = 255

_ASCII_BUT_PERCENT = bytes(set(range(128)) - {ord("%")})


class Rest:
    """Hands a task over and reads the answer as the endpoint's options describe it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._url = endpoint.url.rstrip("/")
        self._says = description.read(endpoint.options)
        if missing := description.secrets(self._says) - set(endpoint.credentials):
            raise MisconfiguredError(f"expected the credentials {', '.join(sorted(missing))} as well")
        if self._is_signed() and not signing.own_keys(endpoint.secrets):
            raise MisconfiguredError(
                "expected a key of onenet's own for the signature: it signs by v1a or both"
            )

    def submit(self, task: TaskSheet) -> Talk:
        """One request, with the same bytes for every try; before it perhaps one for a token.

        Where they are asked later, what they say at once counts only if it is the end: they say it again.
        """
        request = self._request(self._says.request, task.content)
        try:
            response = yield from grants.answered(request, self._says.auth, self._endpoint)
        except NoToken as error:
            return TryLater("transient", str(error))
        outcome = self._read({task.key}, response)
        if self._says.answer.reference is None and self._says.poll is None:
            return outcome
        return self._taken(response, outcome)

    def poll(self, task: TaskSheet, reference: str | None) -> Talk:
        """The question as it is described; the answer is read by the same words."""
        asked = self._says.poll
        if asked is None:
            return TryLater("refused", "the description has no poll any more")
        known = {} if reference is None else {description.REFERENCE: reference}
        request = self._request(asked, {**task.content, **known})
        try:
            response = yield from grants.answered(request, self._says.auth, self._endpoint)
        except NoToken as error:
            return TryLater("transient", str(error))
        outcome = self._read({task.key}, response)
        return Received(self._reference(response)) if isinstance(outcome, Received) else outcome

    def withdraw(self, notice: TaskSheet) -> Talk:
        """What the description says of a withdrawal; where it says nothing, a person of theirs is told.

        A word that means that they are busy, or that a person must look, is heard; any other is a receipt.
        """
        wanted = self._says.withdrawal
        if wanted is None:
            return AtDesk()
        request = self._request(wanted, notice.content)
        try:
            response = yield from grants.answered(request, self._says.auth, self._endpoint)
        except NoToken as error:
            return TryLater("transient", str(error))
        outcome = self._read({notice.key, notice.content["withdraws"]}, response)
        return outcome if isinstance(outcome, TryLater | Unclear) else Received()

    def consult(self, question: TaskSheet) -> Talk:
        """The question as it is described; where nothing is said of it, it is left to be read."""
        wanted = self._says.opinion
        if wanted is None:
            return AtDesk()
        request = self._request(wanted, question.content)
        try:
            response = yield from grants.answered(request, self._says.auth, self._endpoint)
        except NoToken as error:
            return TryLater("transient", str(error))
        return self._read({question.key}, response)

    def read_callback(self, body: bytes) -> Answer:
        """The answer in this body, by the same words. Raises: UnreadableAnswer."""
        answer = self._says.answer
        if answer.task is None:
            raise UnreadableAnswer(
                "no callback was expected: the description does not say where /task stands"
            )
        said = answers.callback_object(body, FORMATS[answer.format])
        task = template.look(said, answer.task)
        if not isinstance(task, str) or not task:
            raise UnreadableAnswer(f"{answer.task}: the id of a task was expected")
        outcome = self._outcome(said)
        if outcome is None or isinstance(outcome, TryLater):
            outcome = self._unknown_word()
        return Answer(task, outcome, self._seq(said))

    def _taken(self, response: httpx2.Response, outcome: Outcome) -> Outcome:
        """The outcome with what they call the task from now on; they are asked by that, where it is so."""
        asked = self._says.poll
        if not isinstance(outcome, Received) and (asked is None or not isinstance(outcome, _TOLD_AGAIN)):
            return outcome
        reference = self._reference(response)
        if asked is not None and reference is None and self._says.answer.reference is not None:
            return Unclear(f"{self._says.answer.reference}: what they call the task was expected")
        return Received(reference, asked.every if asked else None)

    def _reference(self, response: httpx2.Response) -> str | None:
        """What they call the task in this answer, if they say so."""
        pointer = self._says.answer.reference
        try:
            said = answers.object_in(response, FORMATS[self._says.answer.format])
        except (MalformedJson, UnreadableAnswer):
            return None
        if pointer is None or said is None:
            return None
        word = template.as_word(template.look(said, pointer))
        return word if word and len(word) <= _MOST_OF_A_REFERENCE else None

    def _request(self, wanted: SaidPart, told: Mapping[str, Any]) -> httpx2.Request:
        """Raises: NotCalled when the task has no value for a reference."""
        try:
            path = template.fill_text(wanted.path, told, _in_path)
            headers = [
                (name, template.fill_text(each, told, _in_header)) for name, each in wanted.headers.items()
            ]
            media_type, content = self._body(wanted, told)
        except Unfilled as error:
            raise NotCalled(f"the task: {error}") from None
        more: dict[str, Any] = {READS: frozenset(map(int, self._says.answer.statuses))} | self._tls()
        if self._is_signed():
            more[SIGNED] = True
        request = httpx2.Request(
            wanted.method, self._url + path, headers=headers, content=content, extensions=more
        )
        if media_type:
            request.headers.setdefault("content-type", media_type)
        return request

    def _body(self, wanted: SaidPart, told: Mapping[str, Any]) -> tuple[str, bytes]:
        """What it calls itself, and its bytes. It may refer to credentials, for systems that want them there.

        Raises: Unfilled.
        """
        if description.has_no_body(wanted):
            return "", b""
        media_type, write = BODIES[wanted.format]
        filled = template.fill(wanted.body, {**told, "credentials": self._endpoint.credentials})
        return media_type, write(filled)

    def _is_signed(self) -> bool:
        return self._says.auth is not None and self._says.auth.signature is not None

    def _tls(self) -> dict[str, Tls]:
        """How the connection is made, where the description says so."""
        auth, own = self._says.auth, self._endpoint.credentials
        if auth is None or (auth.certificate, auth.authority) == (None, None):
            return {}
        certificate = template.fill_text(auth.certificate, own) if auth.certificate else None
        return {TLS: Tls(certificate, auth.authority)}

    def _read(self, keys: Set[str], response: httpx2.Response) -> Outcome:
        """What they answered to what was said about the task of these keys."""
        answer = self._says.answer
        meaning = answer.statuses.get(str(response.status_code))
        try:
            said = answers.answered_object(response, FORMATS[answer.format]) or {}
        except (MalformedJson, UnreadableAnswer) as error:
            if meaning is None:
                return Unclear(f"the answer: {error}")
            said = {}
        if answer.task is not None and template.look(said, answer.task) not in (NOTHING, *keys):
            return Unclear(f"{answer.task}: the answer is about another task")
        if meaning is not None:
            return meant(meaning, said)
        return self._outcome(said) or Received()

    def _outcome(self, said: Mapping[str, Any]) -> Outcome | None:
        """What the word in this object means; None when there is none."""
        answer = self._says.answer
        value = template.look(said, answer.word)
        if value is NOTHING:
            return None
        meaning = answer.words.get(template.as_word(value) or "")
        return self._unknown_word() if meaning is None else meant(meaning, said)

    def _unknown_word(self) -> Unclear:
        answer = self._says.answer
        return Unclear(f"{answer.word}: expected one of {', '.join(answer.words)}")

    def _seq(self, said: Mapping[str, Any]) -> int | None:
        """Their own count, where it can be read."""
        if self._says.answer.seq is None:
            return None
        seq = template.look(said, self._says.answer.seq)
        return answers.seq_named({"seq": int(seq) if _is_count(seq) else seq})


def _is_count(value: Any) -> bool:
    """A number written as text, as XML has it."""
    return isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) is not None


def _in_path(value: str) -> str:
    """A value as one part of an address, whatever an applicant put in it. Raises: Unfilled."""
    if not value.strip("."):
        raise Unfilled("a value for the address was expected, and not dots or nothing")
    return quote(value, safe="")


def _in_header(value: str) -> str:
    """A value as percent-encoded UTF-8 where it is not ASCII, `%` as `%25`: who decodes it has it again. Line
    breaks stay, and the transport refuses them. Source: RFC 3986 section 2.1.
    """
    return quote(value, safe=_ASCII_BUT_PERCENT)


def meant(meaning: Meaning, said: Mapping[str, Any]) -> Outcome:
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
                return webhook.WORDS[word].model_validate_json(json.dumps(told)).to_outcome()
            except ValidationError as error:
                return Unclear(f"the answer, read as {word}: {answers.faults(error)}")
