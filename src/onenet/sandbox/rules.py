"""The rules that a department's system keeps to, each as a check: what is expected, and how it is mended.

The contract that they stand for: docs/departments.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from onenet.domain.outcome import Completed, Rejected
from onenet.sandbox import judging
from onenet.sandbox.evidence import Record
from onenet.sandbox.judging import Finding


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. `section`: of docs/departments.md, as its anchor.

    `errands`: what is sent for it, beside the plain task that all of them begin with. `needs`: checks without
    which it says nothing.
    """

    name: str
    expected: str
    section: str
    fix: str
    judge: Callable[[Record], Finding]
    errands: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("accept",)


_AT = "what-to-answer-to-a-task"
_TASK = "a-task-comes-in"
_WORDS = "what-you-can-answer"
_CALLBACK = "send-a-callback"
_NOTHING = "Nothing to mend: your system decides."
_SIGNED = "check-the-signature"

RULES: Sequence[Rule] = (
    Rule("accept", "a 2xx within 15 s; where it says more, in words that can be read", _AT,
         "Store the task and answer 202; anything longer comes after the answer.", judging.accept, needs=()),
    Rule("answer", "a decision about the task, in the answer or by callback, while the check waits (--wait)",
         _CALLBACK, "Call back at the address that is shown, about the member `task`.", judging.answer),
    Rule("signature", "callbacks signed with the secret, or with a key that onenet trusts, within 300 s",
         _SIGNED, "Sign id.timestamp.body with the decoded secret, over the bytes sent, anew for each try.",
         judging.signature),
    Rule("words", "outcomes and members of the table, in an order that the step allows", _WORDS,
         "Say one of the outcomes, with its members and no others.", judging.words),
    Rule("ids", "an id for each message, kept for all its tries", _CALLBACK,
         "Make the id once, from task and count, and store it with the bytes.", judging.ids),
    Rule("complete", "`completed` for a case that fulfils everything", _WORDS,
         _NOTHING, judging.decision(Completed, "complete"), needs=("answer",)),
    Rule("reject", "`rejected` with its reason", _WORDS,
         _NOTHING, judging.decision(Rejected, "reject"), ("reject",), ("answer",)),
    Rule("supplement", "after `supplement_needed` the second submission, under a new key, is a new task",
         _WORDS, "Tell tasks apart by `task` alone; `submission` counts corrections of a step.",
         judging.supplement, ("supplement",), ("answer",)),
    Rule("duplicate", "the same key again is answered 2xx and does nothing twice", _AT,
         "Store `task` under a unique key before you work, and answer 202 to the second as well.",
         judging.once("duplicate"), ("duplicate",), ("answer",)),
    Rule("overlap", "the same key twice at one moment has one effect", _AT,
         "Let the database decide who was first (INSERT under a unique key), not a look before it.",
         judging.once("overlap"), ("overlap",), ("duplicate",)),
    Rule("bad_signature", "401 or 403, and no callback", _SIGNED,
         "Compare the signature, in constant time, before you read the body; answer 401.",
         judging.refused("forged"), ("forged",)),
    Rule("old_timestamp", "401 or 403 for a timestamp 400 s ago, rightly signed", _SIGNED,
         "Refuse what is more than 300 s off, and keep the clock by NTP.",
         judging.refused("outdated"), ("outdated",), ("accept", "bad_signature")),
    Rule("tampered_body", "401 or 403 for a body that is not what was signed, be it by one blank", _SIGNED,
         "Verify the bytes as they came, not what your JSON library makes of them.",
         judging.refused("tampered", "respaced"), ("tampered", "respaced"), ("accept", "bad_signature")),
    Rule("rotation", "one right entry among the signatures is enough", _SIGNED,
         "Look at every entry of the header, separated by spaces; skip those that you do not know.",
         judging.borne("rotation"), ("rotation",)),
    Rule("unknown_members", "a task with members of a later version is taken like any other", _TASK,
         "Ignore members that you do not know.", judging.borne("unknown_members"), ("unknown_members",)),
    Rule("big_task", "a task of 240 kB is taken like any other", _TASK,
         "Take bodies up to 256 kB: web servers and proxies have limits of their own.",
         judging.borne("big_task"), ("big_task",)),
    Rule("time", f"every call answered within {judging.LIMIT_S:.0f} s", _AT,
         "Answer when the task is stored; decide afterwards and call back.", judging.time),
    Rule("repeat", "a callback answered 503 comes again, with its id and bytes", "what-you-are-answered",
         "Keep each message until it has a final answer; after 503 send it again once Retry-After is over.",
         judging.repeat, ("repeat",), ("answer",)),
    Rule("final", "nothing comes again after 200 or 409", "what-you-are-answered",
         "Every answer but 408, 429 and 5xx is final: note it with the message and stop.",
         judging.final, ("conflict",), ("answer",)),
    Rule("restart", "what was taken before a restart is answered after it, with its id, and once",
         "what-to-answer-to-a-task", "Store task and planned callbacks on disk before you answer 2xx.",
         judging.restart, ("restart",), ("duplicate", "repeat")),
)  # fmt: skip

BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


def judge(record: Record, chosen: Sequence[Rule], left_out: Mapping[str, str]) -> dict[str, Finding]:
    """The finding of each chosen rule, by name; a rule whose need was not met is skipped.

    `left_out`: rules that were not tried, and why.
    """
    found: dict[str, Finding] = {}
    for rule in chosen:
        missing = [
            name for name in rule.needs if name in found and found[name].verdict in ("failed", "skipped")
        ]
        if missing:
            found[rule.name] = Finding("skipped", f"says nothing while {missing[0]} is not passed")
        elif rule.name in left_out:
            found[rule.name] = Finding("skipped", left_out[rule.name])
        elif len(record.of(*rule.errands)) < len(rule.errands):
            found[rule.name] = Finding("skipped", "not tried: the plain task was not decided")
        else:
            found[rule.name] = rule.judge(record)
    return found
