"""Ratings 好差评: what one is, its words, and what can be done with a bad one.

Five levels, of which two are bad (GB/T 39046 A.8). What is praised or blamed comes out of a fixed list,
another one on line than at a window (GB/T 39734; domain.md section 10). A list is never changed: a new one
gets the next version, and each rating says by which it was given.

Whoever gave a bad rating under its name is contacted within a working day; the rating is classified, repaired
where it is valid, and followed up. One that is mistaken or malicious is removed on appeal: it stays on record
and leaves the figures. A rating without a name has nobody to contact and to ask: those two moves fall away.
Source: SHA art. 30, ANY art. 52. The numbers of days stand in `rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from onenet.domain.bundle import Names
from onenet.domain.states import Word

LEVELS: Mapping[int, Names] = {
    1: {"zh": "非常满意", "en": "Very satisfied"},
    2: {"zh": "满意", "en": "Satisfied"},
    3: {"zh": "基本满意", "en": "Fairly satisfied"},
    4: {"zh": "不满意", "en": "Dissatisfied"},
    5: {"zh": "非常不满意", "en": "Very dissatisfied"},
}
LAST_SATISFIED = 3
"""A level above it must be handled."""


class Stage(Word):
    """What is rated; each stage of a case once (stages 1 and 2 of the Guangdong exchange)."""

    ACCEPTANCE = "acceptance"
    CLOSING = "closing"


class Channel(Word):
    """Where the rating was given: GB/T 39046 A.5."""

    WINDOW = "window"
    PC = "pc"
    MOBILE = "mobile"
    POST = "post"
    OTHER = "other"


TAGS_VERSION = 1

ONLINE: Mapping[str, Names] = {
    "overall": {"zh": "整体服务", "en": "The service as a whole"},
    "efficiency": {"zh": "办事效率", "en": "How fast it went"},
    "guide_accuracy": {"zh": "办事指南准确度", "en": "Whether the guide was right"},
    "convenience": {"zh": "办事便捷度", "en": "How easy it was"},
    "platform": {"zh": "平台体验", "en": "The website or app"},
}
OFFLINE: Mapping[str, Names] = {
    "overall": {"zh": "整体服务", "en": "The service as a whole"},
    "efficiency": {"zh": "办事效率", "en": "How fast it went"},
    "level": {"zh": "服务水平", "en": "How competent the staff were"},
    "attitude": {"zh": "服务态度", "en": "How the staff behaved"},
}


def tags_for(channel: Channel) -> Mapping[str, Names]:
    """The aspects that can be named through that channel."""
    return OFFLINE if channel is Channel.WINDOW else ONLINE


class RatingState(Word):
    """Where the handling of a rating stands. A good one, and a bad one without a name, begin as submitted."""

    SUBMITTED = "submitted"
    CONTACT_DUE = "contact_due"
    CLASSIFIED = "classified"
    REPAIRING = "repairing"
    REPAIRED = "repaired"
    FOLLOWED_UP = "followed_up"
    CLOSED = "closed"
    APPEALED = "appealed"
    REMOVED = "removed"


class Verdict(Word):
    """What a bad rating turned out to be."""

    VALID = "valid"
    MISTAKEN = "mistaken"
    MALICIOUS = "malicious"


class Act(Word):
    """What is done with a bad rating."""

    CLASSIFY = "classify"
    REPAIR = "repair"
    FINISH = "finish"
    FOLLOW_UP = "follow_up"
    CLOSE = "close"
    APPEAL = "appeal"
    REMOVE = "remove"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating of one stage of a case, and how far its handling has come.

    `id` cannot be made of the case's id: whoever may not know who gave it must not find out by trying.
    `department` answers for it: that of the step it speaks of, or the lead of the bundle. `due_at`: until
    when the next move is due; None where none is. `seq`: its last event; `behind_seq` and `behind_at`: the
    last event before it that was no rating's, which is the last that a department knows of.
    """

    kind: Literal["rating"]
    id: UUID
    stage: Stage
    level: int
    state: RatingState
    department: str
    channel: Channel
    is_named: bool
    at: datetime
    since: datetime
    step: str | None = None
    tags: tuple[str, ...] = ()
    tags_version: int = TAGS_VERSION
    text: str | None = None
    verdict: Verdict | None = None
    due_at: datetime | None = None
    seq: int = 0
    behind_seq: int = 0
    behind_at: datetime | None = None

    @property
    def is_bad(self) -> bool:
        """Whether it must be handled."""
        return self.level > LAST_SATISFIED


def ratings_of(procedures: Iterable[object]) -> list[Rating]:
    """The ratings among what goes on in a case, in the order in which they were given."""
    return [each for each in procedures if isinstance(each, Rating)]


_S = RatingState


class Rule(NamedTuple):
    """From which state an act leads to which, and for which ratings; `days`: the field of the rules that says
    how long the next one may take. An appeal is decided by a supervisor: nobody judges in its own cause.
    """

    at: RatingState
    to: RatingState
    days: str | None = None
    is_named: bool | None = None
    is_valid: bool | None = None
    by_supervisor: bool = False


ACTS: Mapping[Act, tuple[Rule, ...]] = {
    Act.CLASSIFY: (
        Rule(_S.CONTACT_DUE, _S.CLASSIFIED, "rating_repair"),
        Rule(_S.SUBMITTED, _S.CLASSIFIED, "rating_repair"),
    ),
    Act.REPAIR: (
        Rule(_S.CLASSIFIED, _S.REPAIRING, "rating_repair", is_valid=True),
        Rule(_S.REPAIRED, _S.REPAIRING, "rating_repair", is_named=True),
    ),
    Act.FINISH: (Rule(_S.REPAIRING, _S.REPAIRED, "rating_follow_up"),),
    Act.FOLLOW_UP: (
        Rule(_S.REPAIRED, _S.FOLLOWED_UP, "rating_follow_up", is_named=True),
        Rule(_S.CLASSIFIED, _S.FOLLOWED_UP, "rating_follow_up", is_named=True, is_valid=False),
    ),
    Act.APPEAL: (Rule(_S.CLASSIFIED, _S.APPEALED, "rating_appeal", is_valid=False),),
    Act.REMOVE: (Rule(_S.APPEALED, _S.REMOVED, by_supervisor=True),),
    Act.DISMISS: (Rule(_S.APPEALED, _S.CLASSIFIED, "rating_repair", by_supervisor=True),),
    Act.CLOSE: (
        Rule(_S.FOLLOWED_UP, _S.CLOSED),
        Rule(_S.REPAIRED, _S.CLOSED, is_named=False),
        Rule(_S.CLASSIFIED, _S.CLOSED, is_named=False, is_valid=False),
    ),
}
"""Every act, with the states that it is possible in and leads to. What is in none of these rows is refused.

A named rating that turned out mistaken is followed up as well: every named bad one is (domain.md section 10).
"""


def possible(rating: Rating, *, is_supervisor: bool) -> tuple[Act, ...]:
    """What can be done with it now."""
    return tuple(act for act in Act if rule_of(rating, act, is_supervisor=is_supervisor))


def rule_of(rating: Rating, act: Act, *, is_supervisor: bool) -> Rule | None:
    """The row by which this act is possible now; None where it is not."""
    for rule in ACTS[act]:
        fits = rule.at is rating.state and rating.is_bad
        fits &= rule.is_named in (None, rating.is_named)
        fits &= rule.is_valid in (None, rating.verdict is Verdict.VALID)
        if fits and (is_supervisor or not rule.by_supervisor):
            return rule
    return None


def allowed(rating: Rating) -> list[dict[str, Any]]:
    """What can be done with it now, and by whom."""
    rules = ((act, rule_of(rating, act, is_supervisor=True)) for act in Act)
    everybody = ["officer", "supervisor"]
    return [
        {"action": act.value, "by": everybody[1:] if rule.by_supervisor else everybody}
        for act, rule in rules
        if rule is not None
    ]
