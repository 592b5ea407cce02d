"""What a simulated department does with a task: one small function for each habit, good and bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from onenet.simulator.dialects import Said, Work


@dataclass(frozen=True, slots=True)
class Later:
    """A callback, so many delays after the task came. `again`: twice under one id, once under another."""

    said: Said
    delays: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """What comes of one call.

    `takes`: the task has its effect and its callbacks are planned, unless an earlier call did that.
    `said` goes into the answer; `raw` is an answer that is no answer; `hangs_up`: no answer at all.
    """

    status: int = 202
    takes: bool = True
    said: Said | None = None
    raw: bytes | None = None
    retry_after_s: int | None = None
    hangs_up: bool = False
    callbacks: tuple[Later, ...] = ()


Habit: TypeAlias = Callable[[Work, int], Reaction]
"""From the task and the number of the call under its key, 1 for the first."""

_ACCEPTED = Said("accepted", "同意受理")


def _completed(work: Work) -> Said:
    return Said("completed", "准予办理", results=work.results)


def fast(work: Work, call: int) -> Reaction:
    """Decides at once, in the answer."""
    return Reaction(200, said=_completed(work))


def slow(work: Work, call: int) -> Reaction:
    """Takes the task, accepts it later, completes it later still."""
    return Reaction(callbacks=(Later(_ACCEPTED, 1), Later(_completed(work), 2)))


def flaky(work: Work, call: int) -> Reaction:
    """Is busy at the first call of every task, then like slow."""
    return Reaction(503, takes=False, retry_after_s=1) if call == 1 else slow(work, call)


def supplement(work: Work, call: int) -> Reaction:
    """Asks the applicant for a correction of the first submission, completes the second."""
    if work.submission > 1 or not work.correctable:
        return slow(work, call)
    asked = Said("supplement_needed", "内容不清晰，请重新提交", requests=work.correctable[:1])
    return Reaction(callbacks=(Later(asked, 1),))


def inspects(work: Work, call: int) -> Reaction:
    """Accepts, goes to look for as long as it says, then completes: a special procedure."""
    begins = Said("suspended", "现场检验", procedure=("inspection", 5))
    ends = Said("resumed", "检验完毕")
    said = (_ACCEPTED, begins, ends, _completed(work))
    return Reaction(callbacks=tuple(Later(each, delays) for delays, each in enumerate(said, 1)))


def overdue(work: Work, call: int) -> Reaction:
    """Accepts, and completes long after: a limit of a day or three is used up by then, in the demo."""
    return Reaction(callbacks=(Later(_ACCEPTED, 1), Later(_completed(work), 7)))


def rejects(work: Work, call: int) -> Reaction:
    """Refuses everything."""
    return Reaction(callbacks=(Later(Said("rejected", "不符合法定条件"), 1),))


def twice(work: Work, call: int) -> Reaction:
    """Like slow, but repeats every callback."""
    usual = slow(work, call)
    return replace(usual, callbacks=tuple(replace(later, again=True) for later in usual.callbacks))


def late(work: Work, call: int) -> Reaction:
    """Completes, and long after says that it accepted and that it completed."""
    completed = _completed(work)
    return Reaction(callbacks=(Later(completed, 1), Later(_ACCEPTED, 4), Later(completed, 5)))


def garbage(work: Work, call: int) -> Reaction:
    """Answers with JSON that breaks off."""
    return Reaction(200, raw=b'{"outcome": "completed", "code": 11, "results": [{')


def silent(work: Work, call: int) -> Reaction:
    """Takes the task and is never heard of again."""
    return Reaction()


def lost(work: Work, call: int) -> Reaction:
    """Takes the task at the first call and hangs up before it says so, then like slow."""
    usual = slow(work, call)
    return replace(usual, hangs_up=True) if call == 1 else usual


def down(work: Work, call: int) -> Reaction:
    """Hangs up without a word."""
    return Reaction(takes=False, hangs_up=True)


def asked(work: Work, call: int) -> Reaction:
    """Does what the form of a sandbox case wishes: completes, rejects, asks for a correction."""
    wished = {"reject": rejects, "supplement": supplement}.get(work.wish, slow)
    return wished(work, call)


OPINES = Reaction(callbacks=(Later(Said("opinion_given", "无不同意见"), 1),))
"""What each of them does with a question about somebody else's step."""

HABITS: Mapping[str, Habit] = {
    habit.__name__: habit
    for habit in (
        *(fast, slow, flaky, supplement, inspects, overdue, rejects, twice, late),
        *(garbage, silent, lost, down, asked),
    )
}
