"""The contract of an adapter: it translates between a task and one department system's words.

An adapter does no I/O, keeps no state, never sleeps and never retries. It yields requests and is given
responses; a transport drives it (`transport.drive`). To add one: a module with a class like this, and one
line under `[project.entry-points."onenet.adapters"]` (docs: how to plug in a department).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable
from uuid import UUID

import httpx2

from onenet.domain.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how a department is reached.

    `secrets`: its keys as `signing` has them, the current one first; every one that signs does, and every one
    that verifies does, so that a rotation needs no pause. `options`: what this adapter wants beside that.
    `credentials`: by their names, what proves to the department's own API that it is onenet.
    """

    id: UUID
    department: str
    adapter: str
    url: str
    secrets: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TaskSheet:
    """What an adapter is told of a task. `key` is the same for all tries of one submission (`tsk_…`).

    `payload` is the canonical JSON text onenet keeps for this key; `content` is the same, parsed:
    task, created_at, case {id, number}, bundle {code, version}, jurisdiction, step, item, names, submission,
    applicant, form, materials [{code, names, mode, reference?, sha256?}],
    results_before [{step, code, number, facts}], not_granted [{step, state}],
    results_expected [codes], promised, tolerated [{material, due_on, text_version}],
    commitment {text_version, text_sha256, signed_by, signed_at} or null.
    `attempt` counts the calls begun, this one too: after the first, the department may have the task already.
    """

    key: str
    payload: str
    content: Mapping[str, Any]
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a callback says. `task`: the key of the task it is about. `seq`: the department's own count."""

    task: str
    outcome: Outcome
    seq: int | None = None


class UnreadableAnswer(Exception):
    """The body is not an answer in this adapter's words, so that not even its task can be told.

    The message says what was expected and where, never what was sent.
    """


OUR_HEADERS = frozenset(
    {
        *("accept-encoding", "user-agent", "idempotency-key", "expect"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
        *("host", "content-length", "content-encoding", "transfer-encoding", "connection", "cookie"),
    }
)
"""Headers of a request that the transport writes or leaves out, and no adapter sets."""

APART = "onenet.apart"
"""Extension of a request that is not about the task, for a token: no key, no signature, and nothing of what
is answered is kept on record."""

TLS = "onenet.tls"
"""Extension of a request: how its connection is made (`tls.Tls`), where not as with everybody."""

SIGNED = "onenet.signed"
"""Extension of a request that goes out with a message signature (RFC 9421) as well."""

READS = "onenet.reads"
"""Extension of a request: failed statuses, as a set, whose answers the adapter reads itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A task as a row of the table `onenet_task` in the database at `url`, written under its key once."""

    url: str = field(repr=False)
    key: str
    item: str
    case_number: str
    sheet: str = field(repr=False)


Talk: TypeAlias = Generator[httpx2.Request | Entry, httpx2.Response, Outcome]
"""A conversation with a department: requests out, responses in, one outcome at the end. An entry is answered
by nothing: the talk goes on when it is written.
"""


class Adapter(Protocol):
    """One department system's words. Made with the endpoint it speaks to."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Keeps the endpoint. Raises: MisconfiguredError when its options do not fit."""

    def submit(self, task: TaskSheet) -> Talk:
        """Hands the task over. Yields one request or more, returns exactly one outcome.

        Any 2xx that is no answer is Received. A word that is not in the adapter's table is Unclear.
        The transport adds the key, the signature and the limits, and turns network errors into TryLater.
        """
        ...

    def read_callback(self, body: bytes) -> Answer:
        """What the department says in this body, whose signature was already checked.

        A status that is not in the adapter's table is Unclear. Raises: UnreadableAnswer.
        """
        ...


@runtime_checkable
class Withdraws(Protocol):
    """An adapter with words for a task that is withdrawn. Where there are none, a person is told."""

    def withdraw(self, notice: TaskSheet) -> Talk:
        """Tells the department that a task is withdrawn; the notice has a key of its own.

        `content`: task, withdraws, created_at, case, bundle, jurisdiction, step, item, names, reason,
        compensation (what is to be undone, in both languages, or None), and reference, what the department
        called the withdrawn task, if it said. Any 2xx is Received.
        """
        ...


@runtime_checkable
class Consults(Protocol):
    """An adapter with words for the question of an opinion. Where there are none, who is asked reads it."""

    def consult(self, question: TaskSheet) -> Talk:
        """Puts a question to the department, which has no step in the case and is told nothing else of it.

        `content`: task, opinion, created_at, number, item, names, asked_by {code, names}, question, due_at,
        fields, materials (as in a task), and applicant, where that was put. Any 2xx that is no answer is
        Received; the answer, at once or by callback, is OpinionGiven. AtDesk, when it is left to be read.
        """
        ...


@runtime_checkable
class Polls(Protocol):
    """An adapter whose department does not call back, and is asked what became of a task."""

    def poll(self, task: TaskSheet, reference: str | None) -> Talk:
        """Asks about a task that the department has, and calls `reference`.

        Returns Received when there is nothing new, with a reference or a time where those have changed;
        TryLater when it is to be asked again; any other outcome when that is where the task stands by now.
        The same answer may come any number of times. `submit` begins it: by Received(…, poll_after_s=…).
        """
        ...
