"""An agent acts for the applicant while the mandate holds, and then no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import get_args

import pytest

from onenet.domain.agents import Agent, Mandate
from onenet.domain.case import Case
from onenet.domain.commands import (
    AskHearing,
    ByApplicant,
    HandInSupplement,
    Hear,
    Reapply,
    SignCommitment,
    TakeCommitmentBack,
    Withdraw,
)
from onenet.domain.machine import decide
from onenet.domain.promises import Signing
from onenet.errors import MandateInvalid, OnenetError
from tests.factories import NOW, make_case, moment

MANDATE = Mandate(date(2026, 11, 1), date(2026, 11, 23), "mandate")
"""The 23rd, on which the clock stands, is its last day."""

ACTS: tuple[ByApplicant, ...] = (
    HandInSupplement("household", (), {}, by_agent=True),
    Withdraw(by_agent=True),
    Reapply("household", make_case().id, by_agent=True),
    Hear("household", AskHearing(), by_agent=True),
    SignCommitment(Signing("household", "2026-1", "示例代"), by_agent=True),
    TakeCommitmentBack("household", by_agent=True),
)


@pytest.fixture
def case() -> Case:
    """Opened by an agent."""
    made = make_case()
    agent = Agent("示例代", "resident_identity_card", "320599199102020024", "配偶", mandate=MANDATE)
    return made._replace(content=replace(made.content, agent=agent))


def refusal(case: Case, act: ByApplicant, days: int) -> type[OnenetError] | None:
    """How the act is refused so many days later, if it is."""
    try:
        decide(case, act, moment(NOW + timedelta(days=days)))
    except OnenetError as error:
        return type(error)
    return None


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_the_day_after_its_last_day_a_mandate_is_none(case: Case, act: ByApplicant) -> None:
    assert refusal(case, act, 1) is MandateInvalid
    assert refusal(case, act, 0) is not MandateInvalid  # some are refused all the same: the step is elsewhere


def test_every_act_of_an_applicant_is_looked_at() -> None:
    assert {type(act) for act in ACTS} == set(get_args(ByApplicant))
