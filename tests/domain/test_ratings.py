"""Ratings: who may give one and when, and how a bad one is handled. Dates are counted by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from onenet.domain.bundle import Limit
from onenet.domain.calendar import Calendar, Year
from onenet.domain.case import Moment
from onenet.domain.commands import Command, GiveRating, HandleRating
from onenet.domain.events import EventType
from onenet.domain.machine import decide
from onenet.domain.outcome import Accepted, Completed
from onenet.domain.rating_figures import Line, figures, lines_of
from onenet.domain.rating_handling import ratable
from onenet.domain.ratings import (
    ACTS,
    Act,
    Channel,
    Rating,
    RatingState,
    Stage,
    Verdict,
    allowed,
    possible,
    ratings_of,
)
from onenet.domain.rules import Rules
from onenet.errors import (
    AlreadyRated,
    Conflict,
    DateNotPossible,
    MoveRefused,
    NotFound,
    OnenetError,
    StageNotReached,
    UnknownReference,
)
from onenet.store import procedures
from onenet.store.erasure import NOTHING_SAID
from tests.domain.walk import Walk, begin
from tests.factories import NOW, make_bundle, make_member

S, V = RatingState, Verdict
CLOSING, ACCEPTANCE = Stage.CLOSING, Stage.ACCEPTANCE


def closed() -> Walk:
    """A case that was completed on a Monday morning: police lead, and health had a part."""
    walk = begin(make_bundle(make_member(), make_member("card", department="health")))
    for step in ("household", "card"):
        walk.attempt(step, Completed(()))
    return walk


def bad(stage: Stage = CLOSING, *, is_named: bool = True, level: int = 4) -> GiveRating:
    return GiveRating(stage, level, Channel.MOBILE, is_named=is_named)


def rated(*, is_named: bool = True, level: int = 4) -> Walk:
    walk = closed()
    walk.tell(bad(is_named=is_named, level=level))
    return walk


def rating(walk: Walk) -> Rating:
    return ratings_of(walk.case.content.procedures)[-1]


def act(walk: Walk, act: Act, *, verdict: Verdict | None = None, due_on: date | None = None,
        is_supervisor: bool = False) -> Rating:  # fmt: skip
    walk.tell(HandleRating(rating(walk).id, act, "写明理由", verdict, due_on, is_supervisor))
    return rating(walk)


def refused(walk: Walk, command: Command, error: type[OnenetError]) -> OnenetError:
    """What it is refused with; nothing came of it."""
    before, events = walk.case, list(walk.events)
    with pytest.raises(error) as refusal:
        walk.tell(command)
    assert (walk.case, walk.events) == (before, events)
    return refusal.value


# ---- giving


def test_acceptance_is_rated_once_it_was_accepted_and_closing_once_it_is_closed() -> None:
    walk = begin(make_bundle(make_member()))
    assert ratable(walk.case) == []
    refused(walk, bad(ACCEPTANCE), StageNotReached)
    walk.attempt("household", Accepted())
    assert ratable(walk.case) == [ACCEPTANCE]
    refused(walk, bad(CLOSING), StageNotReached)
    walk.answer("household", Completed(()))
    assert ratable(walk.case) == [ACCEPTANCE, CLOSING]


def test_who_gave_up_may_say_why() -> None:
    walk = begin(make_bundle(make_member()))
    walk.withdraw()
    assert ratable(walk.case) == [CLOSING]
    refused(walk, bad(ACCEPTANCE), StageNotReached)
    walk.tell(bad())
    assert rating(walk).level == 4


def test_each_stage_is_rated_once() -> None:
    # 一事一评: one rating for one case; here for each of the two stages of the Guangdong exchange.
    walk = rated(level=5)
    refused(walk, bad(CLOSING, level=1), AlreadyRated)
    walk.tell(bad(ACCEPTANCE))
    refused(walk, bad(ACCEPTANCE), AlreadyRated)
    assert [each.stage for each in ratings_of(walk.case.content.procedures)] == [CLOSING, ACCEPTANCE]


@pytest.mark.parametrize(
    ("level", "is_named", "state"),
    [
        # GB/T 39046 A.8: only 4 and 5 are bad.
        (1, True, S.SUBMITTED), (3, True, S.SUBMITTED), (4, True, S.CONTACT_DUE), (5, True, S.CONTACT_DUE),
        (5, False, S.SUBMITTED),
    ],
)  # fmt: skip
def test_a_bad_named_rating_is_due_to_be_contacted(level: int, is_named: bool, state: RatingState) -> None:
    walk = rated(level=level, is_named=is_named)
    assert rating(walk).state is state
    assert (rating(walk).due_at is not None) == (level > 3)


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"tags": ("efficiency", "attitude")}, "/tags/1"),  # of the list for windows
        ({"channel": Channel.WINDOW, "tags": ("platform",)}, "/tags/0"),  # of the list for on-line ratings
        ({"step": "moon"}, "/step"),
    ],
)
def test_what_the_lists_do_not_have_is_refused_by_its_place(wrong: dict[str, object], pointer: str) -> None:
    said = {"stage": CLOSING, "level": 2, "channel": Channel.PC, **wrong}
    error = refused(closed(), GiveRating(**said), UnknownReference)  # type: ignore[arg-type]  # some are wrong
    assert [fault.pointer for fault in error.faults] == [pointer]


def test_the_lead_answers_for_the_whole_and_a_department_for_its_step() -> None:
    walk = closed()
    walk.tell(bad(ACCEPTANCE))
    assert rating(walk).department == "police"
    walk.tell(GiveRating(CLOSING, 4, Channel.PC, step="card"))
    assert rating(walk).department == "health"


def test_a_rating_is_on_record_with_its_words_apart() -> None:
    walk = closed()
    walk.tell(GiveRating(CLOSING, 5, Channel.PC, tags=("platform",), text="等了三次"))
    told = walk.events[-1]
    assert (told.type, told.step) == (EventType.RATING_GIVEN, None)
    content = told.content()
    assert (content["level"], content["stage"], content["text"]) == (5, "closing", "等了三次")
    assert "等了三次" not in told.data


def test_the_id_of_a_rating_cannot_be_made_of_what_a_department_knows() -> None:
    walk, other = rated(), closed()
    other.case = other.case._replace(id=walk.case.id, secret_hash=bytes(32))
    other.tell(bad())
    assert rating(walk).id != rating(other).id
    assert rating(walk).id.bytes[15] != walk.case.lane or rating(other).id.bytes[15] != walk.case.lane


def test_ratings_are_kept_as_they_are() -> None:
    kept = rated().case.content.procedures
    assert procedures.read(procedures.as_json(kept)) == kept


def test_nothing_is_added_to_a_case_that_was_erased() -> None:
    walk = closed()
    walk.case = walk.case._replace(content=NOTHING_SAID)
    refused(walk, bad(), Conflict)


# ---- handling

_VALID = [(Act.CLASSIFY, V.VALID), (Act.REPAIR, None), (Act.FINISH, None)]
WAYS = {
    # domain.md section 10: contact, classify, repair, feed back, follow up every named bad rating.
    "valid": (True, [*_VALID, (Act.FOLLOW_UP, None), (Act.CLOSE, None)], S.CLOSED),
    "valid, not repaired at first": (
        True, [*_VALID, (Act.REPAIR, None), (Act.FINISH, None), (Act.FOLLOW_UP, None)], S.FOLLOWED_UP,
    ),
    "valid, without a name": (False, [*_VALID, (Act.CLOSE, None)], S.CLOSED),
    "mistaken, removed on appeal": (
        True, [(Act.CLASSIFY, V.MISTAKEN), (Act.APPEAL, None), (Act.REMOVE, None)], S.REMOVED,
    ),
    "malicious, appeal dismissed": (
        True, [(Act.CLASSIFY, V.MALICIOUS), (Act.APPEAL, None), (Act.DISMISS, None), (Act.REPAIR, None)],
        S.REPAIRING,
    ),
    "mistaken, left in the figures": (
        True, [(Act.CLASSIFY, V.MISTAKEN), (Act.FOLLOW_UP, None), (Act.CLOSE, None)], S.CLOSED,
    ),
    "mistaken, without a name": (False, [(Act.CLASSIFY, V.MISTAKEN), (Act.CLOSE, None)], S.CLOSED),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_rating_goes_its_way(way: str) -> None:
    is_named, acts, end = WAYS[way]
    walk = rated(is_named=is_named)
    for each, verdict in acts:
        act(walk, each, verdict=verdict, is_supervisor=each in (Act.REMOVE, Act.DISMISS))
    assert rating(walk).state is end
    told = [event for event in walk.events if event.type.startswith("rating.")]
    assert [event.content()["rating_state"] for event in told][-1] == end
    assert len(told) == len(acts) + 1
    assert "写明理由" not in told[-1].data
    assert told[-1].content()["reason"] == "写明理由"


def every_rating() -> list[Rating]:
    """A rating in every state, named and not, good and bad, with every verdict."""
    basis = rating(rated())
    fields = ("state", "is_named", "level", "verdict")
    return [
        Rating(**{name: getattr(basis, name) for name in basis.__dataclass_fields__}
               | dict(zip(fields, values, strict=True)))
        for values in itertools.product(RatingState, (True, False), (3, 4), (None, *Verdict))
    ]  # fmt: skip


def test_every_act_is_either_in_the_table_or_refused_with_what_is_possible() -> None:
    now = Moment(NOW, NOW)
    case = rated().case
    done = 0
    for each, wanted, is_supervisor in itertools.product(every_rating(), Act, (True, False)):
        here = case._replace(content=replace(case.content, procedures=(each,)))
        command = HandleRating(each.id, wanted, "理由", V.VALID, is_supervisor=is_supervisor)
        able = possible(each, is_supervisor=is_supervisor)
        if wanted in able:
            (after,) = ratings_of(decide(here, command, now).case.content.procedures)
            assert any(rule.at is each.state and rule.to is after.state for rule in ACTS[wanted])
            done += 1
            continue
        with pytest.raises(MoveRefused) as refusal:
            decide(here, command, now)
        assert refusal.value.present["state"] == each.state
        who = "supervisor" if is_supervisor else "officer"
        told = [move["action"] for move in allowed(each) if who in move["by"]]
        assert refusal.value.allowed == allowed(each)
        assert told == [*able]
    assert done > 50


def test_nobody_judges_an_appeal_in_its_own_cause() -> None:
    walk = rated()
    act(walk, Act.CLASSIFY, verdict=V.MALICIOUS)
    act(walk, Act.APPEAL)
    for judging in (Act.REMOVE, Act.DISMISS):
        refused(walk, HandleRating(rating(walk).id, judging, "理由"), MoveRefused)


def test_a_good_rating_is_not_handled() -> None:
    walk = rated(level=3)
    refused(walk, HandleRating(rating(walk).id, Act.CLASSIFY, "理由", V.VALID), MoveRefused)


def test_a_rating_of_another_case_is_not_there() -> None:
    walk, other = rated(), rated()
    refused(walk, HandleRating(rating(other).id, Act.CLASSIFY, "理由", V.VALID), NotFound)


# ---- days


def end_of(on: date) -> datetime:
    """The midnight that ends the day in China: 16:00 in UTC."""
    return datetime(on.year, on.month, on.day, 16, 0, tzinfo=UTC)


SPRING = Year(
    2026,
    holidays={date(2026, 2, day): {"zh": "春节", "en": "Spring Festival"} for day in range(15, 24)},
    make_up=frozenset({date(2026, 2, 14), date(2026, 2, 28)}),
    is_provisional=False,
)


@pytest.mark.parametrize(
    ("rated_on", "contacted_by"),
    [
        # SHA art. 30: one working day; the day of the rating is not counted.
        (date(2026, 2, 10), date(2026, 2, 11)),  # Tuesday: Wednesday
        (date(2026, 2, 13), date(2026, 2, 14)),  # Friday: the Saturday is a make-up working day
        (date(2026, 2, 14), date(2026, 2, 24)),  # that Saturday: after the nine days of the spring festival
        (date(2026, 3, 6), date(2026, 3, 9)),  # Friday: Monday
    ],
)
def test_the_rater_is_contacted_within_one_working_day_of_the_place(
    rated_on: date, contacted_by: date
) -> None:
    at = end_of(rated_on) - timedelta(hours=7)
    here = {"suzhou": Rules(calendar=Calendar("cn", {2026: SPRING}))}
    decision = decide(closed().case, bad(), Moment(at, at, rules=here))
    (given,) = ratings_of(decision.case.content.procedures)
    assert given.due_at == end_of(contacted_by)


@pytest.mark.parametrize(
    ("days", "due_on"),
    [
        # From Monday 23 November 2026: 24 to 27 are 1 to 4, Monday 30 is 5.
        (Limit(5, "workdays"), date(2026, 11, 30)),  # Dezhou
        (Limit(7, "days"), date(2026, 11, 30)),  # 24 is 1, 30 is 7
        (Limit(15, "workdays"), date(2026, 12, 14)),  # 5 a week: 30 Nov, 7 Dec, 14 Dec
    ],
)
def test_the_place_says_how_long_a_repair_takes(days: Limit, due_on: date) -> None:
    walk = rated()
    command = HandleRating(rating(walk).id, Act.CLASSIFY, "属实", V.VALID)
    decision = decide(walk.case, command, Moment(NOW, NOW, rules={"suzhou": Rules(rating_repair=days)}))
    assert ratings_of(decision.case.content.procedures)[0].due_at == end_of(due_on)


def test_a_complex_repair_is_due_by_the_day_that_was_promised() -> None:
    walk = rated()
    act(walk, Act.CLASSIFY, verdict=V.VALID)
    late = HandleRating(rating(walk).id, Act.REPAIR, "需协调", due_on=date(2026, 11, 23))
    assert refused(walk, late, DateNotPossible).faults[0].pointer == "/due_on"
    assert act(walk, Act.REPAIR, due_on=date(2026, 12, 24)).due_at == end_of(date(2026, 12, 24))


def test_nothing_is_due_of_what_is_closed() -> None:
    walk = rated(is_named=False)
    for each in (Act.CLASSIFY, Act.REPAIR, Act.FINISH, Act.CLOSE):
        assert rating(walk).due_at is not None
        act(walk, each, verdict=V.VALID if each is Act.CLASSIFY else None)
    assert rating(walk).due_at is None


# ---- figures


@pytest.mark.parametrize(
    ("counts", "shown", "withheld", "total"),
    [
        ([12, 7, 5], [12, 7, 5], 0, 24),
        ([12, 7, 4], [12], 2, 23),  # 4 alone would follow from the total: the 7 goes too
        ([12, 7, 4, 3], [12, 7], 2, 26),  # 7 together: which is which does not follow
        ([3], [], 1, None),
        ([], [], 0, None),
    ],
)
def test_a_line_of_fewer_than_five_is_not_told_nor_does_it_follow(
    counts: list[int], shown: list[int], withheld: int, total: int | None
) -> None:
    told = figures(Line(f"d{place}", count, count) for place, count in enumerate(counts))
    assert [line.ratings for line in told.lines] == shown
    assert told.withheld == withheld
    assert (told.total and told.total.ratings) == total


@pytest.mark.parametrize(
    ("without", "shown"),
    [
        (3, [12]),  # total 22: 3 alone would follow from it, so the 7 goes too
        (5, [12, 7]),
    ],
)
def test_what_is_in_no_line_counts_in_the_total_and_does_not_follow_from_it(
    without: int, shown: list[int]
) -> None:
    told = figures([Line("a", 12, 12), Line("b", 7, 7), Line(None, without, 0)])
    assert [line.ratings for line in told.lines] == shown
    assert told.total == Line("total", 19 + without, 19)
    assert told.withheld == 2 - len(shown)


def test_levels_one_to_three_are_satisfied() -> None:
    counts = [("police", level, 10) for level in (1, 2, 3, 4, 5)] + [(None, 5, 99)]
    assert lines_of(counts) == [Line("police", 50, 30), Line(None, 99, 0)]
