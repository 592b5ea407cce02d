"""How each check is judged: from the evidence to a finding. Nothing is asked or sent any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from onenet.adapters.transport import Attempt, Limits
from onenet.domain.outcome import Outcome, TryLater, Unclear
from onenet.sandbox.evidence import DECISIONS, Errand, Heard, Record

Verdict = Literal["passed", "failed", "not_seen", "skipped"]

PLAIN = "plain"
SECOND = "_second"
"""What the name of an errand ends in that is the submission after a supplement."""

FORGED = ("forged", "outdated", "tampered", "respaced")
"""Errands that must be refused."""

MOST_REPEATS = 2
"""Of one message after an answer that forbids them: a message under way may cross the answer."""

LIMIT_S = Limits().total_s


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in words for who has to mend it."""

    verdict: Verdict
    came: str


def _passed(came: str) -> Finding:
    return Finding("passed", came)


def _failed(came: str) -> Finding:
    return Finding("failed", came)


def _not_seen(came: str) -> Finding:
    return Finding("not_seen", came)


def _told(call: Attempt) -> str:
    """What a call was answered, as it is told to people."""
    took = f"after {(call.ended_at - call.started_at).total_seconds():.2f} s"
    said = f"status {call.status}" if call.status else "no answer"
    reason = getattr(call.outcome, "reason", "")
    return f"{said} {took}{f' ({reason})' if reason else ''}"


def _words(outcomes: Sequence[Outcome]) -> str:
    """The kinds of outcomes, each once."""
    kinds = dict.fromkeys(type(each).__name__ for each in outcomes if not isinstance(each, TryLater))
    return ", ".join(kinds) or "nothing"


# ---- the task


def accept(record: Record) -> Finding:
    """The plain task is taken with words that can be read."""
    (plain,) = record.of(PLAIN)
    if plain.is_taken:
        return _passed(_told(plain.calls[-1]))
    return _failed("; ".join(map(_told, plain.calls)) or "no call was made")


def answer(record: Record) -> Finding:
    """A decision comes, at once or by callback."""
    (plain,) = record.of(PLAIN)
    if plain.is_answered:
        return _passed(_words([each for each in plain.outcomes() if isinstance(each, (*DECISIONS, Unclear))]))
    others = f"; {record.strangers} callbacks about no task of this run" if record.strangers else ""
    return _failed(f"{_words(list(plain.outcomes()))} about {plain.key}{others}")


def time(record: Record) -> Finding:
    """Every call is answered in time."""
    calls = [call for errand in record.errands.values() for call in errand.calls]
    longest = max((call.ended_at - call.started_at).total_seconds() for call in calls)
    said = f"the slowest of {len(calls)} calls took {longest:.2f} s"
    return _failed(said) if longest >= LIMIT_S else _passed(said)


# ---- what comes back


def _came(record: Record) -> list[tuple[Errand, Heard]]:
    """Callbacks about real tasks: what comes of a forged one is another matter."""
    real = [errand for errand in record.errands.values() if errand.name not in FORGED]
    return [(errand, each) for errand in real for each in errand.heard if not each.is_staged]


def _none_came(record: Record) -> Finding | None:
    return None if _came(record) else _not_seen("no callback: your system answers at once")


def signature(record: Record) -> Finding:
    """Every callback is signed so that onenet believes it."""
    if wrong := [each for _, each in _came(record) if each.status in (401, 429)]:
        return _failed(f"{len(wrong)} callbacks answered {wrong[0].status}: {wrong[0].trouble}")
    return _none_came(record) or _passed(f"{len(_came(record))} callbacks believed")


def words(record: Record) -> Finding:
    """Every answer says what the contract knows, about a task and a step that may take it."""
    for errand, each in _came(record):
        if errand.name == "conflict" and each.reply == "state-conflict":
            continue  # it needs the one before it, which the check refused
        if each.status in (400, 404) or each.reply in ("held", "state-conflict", "conflict"):
            return _failed(
                f"{each.status} {each.reply} to {each.message_id or 'no id'}: {each.trouble or errand.name}"
            )
    for errand in record.errands.values():
        if unclear := [call for call in errand.calls if isinstance(call.outcome, Unclear)]:
            return _failed(_told(unclear[0]))
    return _passed("every answer could be read")


def ids(record: Record) -> Finding:
    """Each message has an id of its own, the same for all its tries and for no other message."""
    for errand, each in _came(record):
        if each.reply == "callback-conflict" and errand.name != "done":  # which `restart` judges
            return _failed(
                f"409 callback-conflict: the id {each.message_id} came with other bytes ({errand.name})"
            )
    return _none_came(record) or _passed(
        f"{len({each.message_id for _, each in _came(record)})} messages, each with an id of its own"
    )


def repeat(record: Record) -> Finding:
    """A callback that was answered 503 comes again: the same id, the same bytes."""
    (errand,) = record.of("repeat")
    staged = [each for each in errand.heard if each.is_staged]
    if not staged:
        return _not_seen("no callback: your system answers at once")
    first = staged[0]
    later = [each for each in errand.heard if not each.is_staged and each.message_id == first.message_id]
    if not later:
        others = ", ".join(each.message_id for each in errand.heard if not each.is_staged) or "nothing"
        return _failed(f"503 to {first.message_id}; after it came {others}")
    if later[0].body != first.body:
        return _failed(f"{first.message_id} came again with other bytes")
    return _passed(f"again after {later[0].at_s - first.at_s:.1f} s, with the same id and bytes")


def most_repeated(record: Record) -> tuple[int, str, int]:
    """How often the message that came most often after its final answer did; its id, and that answer."""
    most = (0, "", 0)
    for errand in record.errands.values():
        for id in errand.message_ids():
            tries = [each for each in errand.heard if each.message_id == id]
            ends = [index for index, each in enumerate(tries) if each.is_final]
            if ends:
                most = max(most, (len(tries) - ends[0] - 1, id, tries[ends[0]].status))
    return most


def final(record: Record) -> Finding:
    """What is answered 200 or 409 is not sent again."""
    repeats, id, status = most_repeated(record)
    if repeats > MOST_REPEATS:
        return _failed(f"{id} was answered {status} and came {repeats} times more")
    said = f", at most {repeats} again where nothing was gained" if repeats else ""
    return _none_came(record) or _passed(f"every message ended with its answer{said}")


# ---- decisions


def decision(kind: type[Outcome], wish: str) -> Callable[[Record], Finding]:
    """Whether such a decision came about any task, and was believed."""

    def judge(record: Record) -> Finding:
        """A decision of this kind is seen."""
        for errand in record.errands.values():
            if any(isinstance(outcome, kind) for outcome in errand.applied()):
                return _passed(f"case {errand.number}")
        return _not_seen(f"your system never said so; the form of a case asks for it: wish = {wish}")

    return judge


def supplement(record: Record) -> Finding:
    """After a correction the task comes under a new key, and is taken and decided anew."""
    seconds = [errand for errand in record.errands.values() if errand.name.endswith(SECOND)]
    for errand in seconds:
        if not (errand.is_taken and errand.is_decided):
            return _failed(f"the second submission {errand.key}: {_how_it_went(errand)}")
    if seconds:
        return _passed(f"corrected and decided: {_words(list(seconds[0].outcomes()))}")
    return _not_seen("your system never asked for one; the form of a case does: wish = supplement")


def _how_it_went(errand: Errand) -> str:
    calls = "; ".join(map(_told, errand.calls)) or "no call was made"
    return f"{calls}; said: {_words(list(errand.outcomes()))}"


# ---- once, however often it comes


def once(name: str) -> Callable[[Record], Finding]:
    """Whether the task of this errand had the effect of the plain one, and no more."""

    def judge(record: Record) -> Finding:
        """One effect for one key."""
        (errand,), (plain,) = record.of(name), record.of(PLAIN)
        for call in errand.calls[1:]:
            if isinstance(call.outcome, TryLater | Unclear) and not _is_taken_later(errand, call):
                return _failed(f"the same key again: {_told(call)}")
        return effects(errand, plain) or _passed(f"{len(errand.calls)} calls, one effect")

    return judge


def _is_taken_later(errand: Errand, call: Attempt) -> bool:
    """Whether a failed call was followed by one that did not fail: busy is not wrong."""
    later = errand.calls[errand.calls.index(call) + 1 :]
    return any(not isinstance(each.outcome, TryLater | Unclear) for each in later)


def effects(errand: Errand, plain: Errand) -> Finding | None:
    """What shows that the work was done twice, if anything does: more messages, two numbers of a result."""
    for code, numbers in errand.numbers().items():
        if len(numbers) > 1:
            return _failed(f"{code} was issued twice: {', '.join(sorted(numbers))}")
    conflicts = [each for each in errand.heard if each.reply == "callback-conflict"]
    if conflicts and not any(each.reply == "callback-conflict" for each in plain.heard):
        return _failed(f"{conflicts[0].message_id} came again with other bytes: the work was done twice")
    more, usual = errand.message_ids(), plain.message_ids()
    if len(more) > len(usual):
        return _failed(
            f"{len(more)} messages ({', '.join(more)}), and {len(usual)} for a task that came once"
        )
    if plain.is_decided and not errand.is_decided:
        return _failed(f"taken, and no decision came: {_words(list(errand.outcomes()))}")
    return None


# ---- what must be refused, what must be borne


def refused(*names: str) -> Callable[[Record], Finding]:
    """Whether these errands were answered 401 or 403, and nothing came of them."""

    def judge(record: Record) -> Finding:
        """A refusal, and no effect."""
        for errand in record.of(*names):
            wrong = [call for call in errand.calls if call.status not in (401, 403)]
            if wrong or errand.heard:
                after = f"; then {len(errand.heard)} callbacks about it" if errand.heard else ""
                return _failed(f"{errand.name}: {_told((wrong or errand.calls)[0])}{after}")
        return _passed(", ".join(f"status {errand.calls[0].status}" for errand in record.of(*names)))

    return judge


def borne(name: str) -> Callable[[Record], Finding]:
    """Whether the task of this errand was taken and decided like the plain one."""

    def judge(record: Record) -> Finding:
        """As if nothing were special."""
        (errand,), (plain,) = record.of(name), record.of(PLAIN)
        if not errand.is_taken:
            return _failed("; ".join(map(_told, errand.calls)) or "no call was made")
        if plain.is_decided and not errand.is_decided:
            return _failed(f"taken, and no decision came: {_words(list(errand.outcomes()))}")
        return _passed(_told(errand.calls[-1]))

    return judge


def restart(record: Record) -> Finding:
    """What was taken before a restart is answered after it, under the ids from before, and not done again."""
    (errand,), (plain,) = record.of("restart"), record.of(PLAIN)
    if not errand.is_taken:
        return _failed("; ".join(map(_told, errand.calls)) or "no call was made")
    if plain.is_decided and not errand.is_decided:
        return _failed(f"taken before the restart; after it came {_words(list(errand.outcomes()))}")
    before = {each.message_id for each in errand.heard if each.is_staged}
    lost = before - {each.message_id for each in errand.heard if not each.is_staged}
    if lost:
        return _failed(f"{', '.join(sorted(lost))} was under way and did not come again under its id")
    for again in record.of("done"):
        if found := effects(again, plain):
            return _failed(f"a task that was done before the restart came again: {found.came}")
    return _passed(_words([each for each in errand.outcomes() if isinstance(each, DECISIONS)]))
