"""onenet catalogue, as an administrator runs it: by which clock it publishes, and what rules come of it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onenet.domain.rules import LAW
from onenet.resources import example_catalogue_dir
from onenet.store import catalogue
from onenet.store.database import Database
from tests.cli.commands import run

pytestmark = pytest.mark.anyio


async def test_it_publishes_at_the_legal_time_of_the_servers(database: Database, database_url: str) -> None:
    """When deadlines are looked at again is compared with that time."""
    origin = datetime(2031, 1, 1, tzinfo=UTC)
    status, _, _ = run(database_url, "catalogue", "publish", ONENET_CLOCK_ORIGIN=origin.isoformat())
    assert status == 0
    async with database.read() as connection:
        versions = await catalogue.latest(connection)
    assert {version.published_at - origin < timedelta(days=1) for version in versions} == {True}
    assert min(version.published_at for version in versions) >= origin


def _say(folder: Path, place: str, rules: str) -> None:
    """The shipped places, but that one says these rules, in a folder of their own."""
    text = (example_catalogue_dir() / "jurisdictions.yaml").read_text(encoding="utf-8")
    said = re.sub(rf"(code: {place}, [^\n]*)}}\n", rf"\1, rules: {{{rules}}}}}\n", text)
    (folder / "jurisdictions.yaml").write_text(said, encoding="utf-8")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_becomes_of_the_rules_of_a_place_is_said_before_and_after(
    database_url: str, tmp_path: Path
) -> None:
    shutil.copy(example_catalogue_dir() / "departments.yaml", tmp_path)

    def published(place: str, rules: str) -> list[str]:
        _say(tmp_path, place, rules)
        status, said, error = run(database_url, "catalogue", "publish", str(tmp_path))
        assert (status, error) == (0, "")
        return said.splitlines()

    ten, five = "supplement: {number: 10, unit: workdays}", "supplement: {number: 5, unit: days}"
    assert published("kunshan", "") == []
    assert published("kunshan", f"{ten}, review_days: 60") == [
        "rules of kunshan: review_days 60 (law) -> 60",
        "rules of kunshan: supplement 30 workdays (law) -> 10 workdays",
    ]
    assert published("kunshan", f"{five}, review_days: 60") == [
        "rules of kunshan: supplement 10 workdays -> 5 days"
    ]
    assert published("wuzhong", "renewal_days: 20") == [
        "rules of wuzhong: renewal_days 30 (law) -> 20",
        "warning: rules of kunshan: review_days 60 -> 60 (law)",
        "warning: rules of kunshan: supplement 5 days -> 30 workdays (law)",
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_rules_of_a_place_are_shown_with_who_says_so(database_url: str, tmp_path: Path) -> None:
    shutil.copy(example_catalogue_dir() / "departments.yaml", tmp_path)
    _say(tmp_path, "kunshan", "supplement: {number: 10, unit: workdays}")
    assert run(database_url, "catalogue", "publish", str(tmp_path))[0] == 0
    status, said, _ = run(database_url, "catalogue", "rules", "kunshan")
    told = {line.split()[0]: line.split(maxsplit=2)[1:] for line in said.splitlines()}
    assert (status, told["supplement"]) == (0, ["kunshan", "10 workdays"])
    assert told["calendar"] == ["suzhou", "china"]
    assert told["result_delivery"] == ["law", "10 workdays"]
    status, _, error = run(database_url, "catalogue", "rules", "nowhere")
    assert (status, "nowhere" in error) == (2, True)


_OWN = {
    "yellow": [{"days_left": 2, "items": ["newborn_birth_cert"]}, {"percent_left": 30}],
    "office": {"hours": [{"from": "01-01", "open": [["09:00", "17:00"]]}]},
    "ticket_kinds": {"consultation": {"number": 3, "unit": "workdays"}},
}
"""Of the rules of which the law has none, or that are written otherwise than kept."""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_place_can_say_each_rule_that_there_is(database_url: str, tmp_path: Path) -> None:
    shutil.copy(example_catalogue_dir() / "departments.yaml", tmp_path)
    names = {each.name for each in fields(LAW)} - {"calendar"}
    said = {name: _OWN.get(name, getattr(LAW, name)) for name in sorted(names)}
    _say(tmp_path, "kunshan", json.dumps(said, default=asdict, ensure_ascii=False)[1:-1])
    status, faults, _ = run(database_url, "catalogue", "publish", str(tmp_path))
    assert status == 0, faults
    status, told, _ = run(database_url, "catalogue", "rules", "kunshan")
    assert status == 0
    assert {line.split()[0] for line in told.splitlines() if line.split()[1] == "kunshan"} == names
