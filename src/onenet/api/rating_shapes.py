"""Ratings on the wire: giving one, the office's list, what is done with a bad one, the public figures."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, RootModel, StringConstraints

from onenet.api.shapes import (
    Answer,
    Code,
    LongText,
    Moment,
    Named,
    Names,
    PageQuery,
    Query,
    Request,
    extensible,
)
from onenet.domain.ratings import OFFLINE, ONLINE, Act, Channel, RatingState, Stage, Verdict

MOST_TAGS = 5
TAGS = sorted({*ONLINE, *OFFLINE})
RATING_ID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
MONTH = "^20[0-9]{2}-(0[1-9]|1[0-2])$"

StageWord = Annotated[str, Field(json_schema_extra=extensible([stage.value for stage in Stage]))]
StateWord = Annotated[str, Field(json_schema_extra=extensible([state.value for state in RatingState]))]
VerdictWord = Annotated[str, Field(json_schema_extra=extensible([verdict.value for verdict in Verdict]))]
ChannelWord = Annotated[str, Field(json_schema_extra=extensible([channel.value for channel in Channel]))]
ActWord = Annotated[str, Field(json_schema_extra=extensible([act.value for act in Act]))]


class NewRating(Request):
    """A rating of one stage of a case. `level`: 1 very satisfied to 5 very dissatisfied.

    `tags`: aspects, of the list for the channel (`GET /v1/rating-words`). `step`: what it speaks of; without
    it, of the whole. `named`: whether the departments may learn who gave it, and contact them.
    """

    stage: Stage
    level: Annotated[int, Field(ge=1, le=5)]
    channel: Channel
    tags: Annotated[
        list[Annotated[str, StringConstraints(pattern="^[a-z_]{1,32}$"), Field(examples=TAGS)]],
        Field(max_length=MOST_TAGS),
    ] = Field(default=[])
    text: LongText | None = None
    step: Code | None = None
    named: bool = True


class RatingQuery(PageQuery):
    """Filters of the office's list. `overdue`: those whose next move is late."""

    state: RatingState | None = None
    overdue: Literal["true"] | None = None


class Classify(Request):
    """Says what a bad rating turned out to be; where it was named, after its rater was contacted."""

    act: Literal["classify"]
    verdict: Verdict
    reason: LongText


class Repair(Request):
    """Begins to repair what a valid rating speaks of. `due_on`: by when, where it is not done at once."""

    act: Literal["repair"]
    due_on: date | None = None
    reason: LongText


class OtherAct(Request):
    """Everything else that is done with a bad rating."""

    act: Literal["finish", "follow_up", "close", "appeal", "remove", "dismiss"]
    reason: LongText


class RatingAct(RootModel[Annotated[Classify | Repair | OtherAct, Field(discriminator="act")]]):
    """What is done with a bad rating, and why."""


class Rater(Answer):
    """Who gave a named rating, for the department that must contact them."""

    name: str
    phone: str | None = None


class RatingShape(Answer):
    """A rating. `department` answers for it; `due_at`: until when the next move is due.

    `item`: what it speaks of; without it, of the whole case. With one rating alone: what was said, `possible`
    acts for whoever asks, and, where it was named, its `case` and, for its department, the `rater`.
    """

    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    stage: StageWord
    level: int
    state: StateWord
    department: str
    jurisdiction: str
    bundle: str
    item: str | None = None
    named: bool
    rated_on: date
    due_at: Moment | None = None
    is_overdue: bool
    tags: list[str] | None = None
    tags_version: int | None = None
    text: str | None = None
    channel: ChannelWord | None = None
    verdict: VerdictWord | None = None
    possible: list[ActWord] | None = None
    case: str | None = None
    number: str | None = None
    rater: Rater | None = None
    links: dict[str, str] | None = None


class RatingList(Answer):
    """The ratings of a case, in the order in which they were given."""

    items: list[RatingShape]


class LevelWord(Answer):
    """A level of satisfaction."""

    level: int
    names: Names


class RatingWords(Answer):
    """The levels, and the aspects that can be named on line and at a window, in this version."""

    version: int
    levels: list[LevelWord]
    online: list[Named]
    offline: list[Named]


class FigureQuery(Query):
    """Which figures: of a month, in a place and those below it, by what."""

    month: Annotated[str, StringConstraints(pattern=MONTH)]
    by: Literal["department", "item", "bundle", "jurisdiction"] = "department"
    jurisdiction: Code | None = None


class FigureLine(Answer):
    """How many ratings there were, how many of them satisfied (levels 1 to 3), and their share."""

    of: str
    ratings: int
    satisfied: int
    share: float


class RatingFiguresShape(Answer):
    """Figures without anything personal. `withheld`: lines of fewer than five ratings, which are not told."""

    month: str
    by: str
    jurisdiction: str | None = None
    total: FigureLine | None = None
    items: list[FigureLine]
    withheld: int
