"""The table of checks: each leads to the contract; what takes too long to provoke is judged by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from onenet.adapters.transport import Attempt
from onenet.domain.outcome import Received, TryLater
from onenet.sandbox import judging
from onenet.sandbox.check import chosen_rules
from onenet.sandbox.evidence import Errand, Record
from onenet.sandbox.rules import BY_NAME, RULES
from onenet.store.endpoints import EndpointRow
from tests.adapters.factories import NOW

CONTRACT = Path(__file__).resolve().parents[2] / "docs" / "departments.md"


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_each_check_leads_to_a_section_of_the_contract_and_is_named_there() -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert {rule.section for rule in RULES} - anchors == set()
    table = text.split("<!-- table: checks -->")[1].split("\n\n")[0]
    firsts = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(firsts))) == set(BY_NAME)


def test_a_check_brings_those_that_it_needs() -> None:
    assert [rule.name for rule in chosen_rules(["overlap"])] == ["accept", "answer", "duplicate", "overlap"]


def record_of(calls: Sequence[Attempt]) -> Record:
    endpoint = EndpointRow(UUID(int=0), "department", "sandbox", "webhook", "http://127.0.0.1:9/", (), NOW)
    return Record(endpoint, {"plain": Errand("plain", "tsk_1", calls=list(calls))})


TAKEN = Attempt(Received(), 202, NOW, NOW + timedelta(seconds=1), None, "", 0)


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(14.9, "passed"), (15.0, "failed")],
)  # fmt: skip
def test_a_call_that_lasts_to_the_deadline_is_too_slow(seconds: float, verdict: str) -> None:
    late = replace(
        TAKEN,
        outcome=TryLater("transient", "no whole answer within the time allowed"),
        ended_at=NOW + timedelta(seconds=seconds),
    )
    assert judging.time(record_of([TAKEN, late])).verdict == verdict
