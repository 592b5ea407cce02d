"""Publishing a catalogue and reading it back."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from onenet.catalogue.build import fingerprint
from onenet.clock import FrozenClock
from onenet.errors import NotFound, Unavailable
from onenet.resources import example_catalogue_dir
from onenet.services.catalogue import Catalogue, Publication, publish
from onenet.store.database import Database

pytestmark = pytest.mark.anyio

CLOCK = FrozenClock(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(example_catalogue_dir(), tmp_path / "catalogue"))


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    return Catalogue(database, max_age_s=0)


def versions(publication: Publication) -> dict[str, int]:
    return {version.code: version.version for version in publication.added}


def rename(folder: Path, old: str, new: str) -> None:
    path = folder / "bundles" / "newborn.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


async def test_the_first_publication_makes_version_one_of_each(database: Database, folder: Path) -> None:
    done = await publish(database, folder, CLOCK)
    assert set(versions(done).values()) == {1}
    assert "newborn" in versions(done)
    assert done.unchanged == ()


async def test_publishing_the_same_again_makes_no_version(database: Database, folder: Path) -> None:
    first = await publish(database, folder, CLOCK)
    again = await publish(database, folder, CLOCK)
    assert again.added == ()
    assert again.unchanged == first.added


async def test_only_a_changed_bundle_gets_a_new_version(database: Database, folder: Path) -> None:
    await publish(database, folder, CLOCK)
    rename(folder, "lead: health", "lead: police")
    assert versions(await publish(database, folder, CLOCK)) == {"newborn": 2}


async def test_an_older_version_stays_as_it_was(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    await publish(database, folder, CLOCK)
    rename(folder, "lead: health", "lead: police")
    await publish(database, folder, CLOCK)
    assert (await Catalogue(database).bundle("newborn", 1)).lead == "health"
    assert (await catalogue.latest("newborn")).lead == "police"
    assert [version.version for version in await catalogue.versions("newborn")] == [1, 2]


async def test_a_catalogue_with_an_error_stores_nothing(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    rename(folder, "lead: health", "lead: nobody")
    done = await publish(database, folder, CLOCK)
    assert [finding.code for finding in done.report.errors] == ["dangling_reference"]
    assert done.added == ()
    assert await catalogue.bundles() == []
    assert await catalogue.jurisdictions() == []


async def test_a_bundle_is_read_as_it_was_published(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    done = await publish(database, folder, CLOCK)
    for published in done.report.bundles:
        read = await catalogue.latest(published.code)
        assert (read.version, fingerprint(read)) == (1, fingerprint(published))


async def test_a_calendar_is_inherited_and_read_as_it_was_published(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    done = await publish(database, folder, CLOCK)
    assert await catalogue.calendar("kunshan") == done.report.calendars[0]
    with pytest.raises(NotFound):
        await catalogue.calendar("nowhere")


async def test_a_year_is_provisional_until_its_make_up_days_are_published(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    await publish(database, folder, CLOCK)
    before = (await catalogue.calendar("kunshan")).year(2035)
    entry = """
calendar_years:
  - code: china_2035
    calendar: china
    year: 2035
    source: 通知
    holidays: [{from: "2035-10-01", to: "2035-10-05", names: {zh: 国庆节, en: National Day}}]
    make_up: ["2035-09-29"]
"""
    (folder / "2035.yaml").write_text(entry, encoding="utf-8")
    await publish(database, folder, CLOCK)
    after = (await catalogue.calendar("kunshan")).year(2035)
    assert (before.is_provisional, after.is_provisional) == (True, False)
    assert (len(after.holidays), sorted(after.make_up), after.source) == (5, [date(2035, 9, 29)], "通知")


async def test_a_year_that_was_published_is_not_taken_back_by_a_folder_that_does_not_say_it(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    await publish(database, folder, CLOCK)
    notice = "holidays by notice"  # begins as the library's own source does
    entry = f"{{code: x, calendar: china, year: 2035, source: {notice}, make_up: ['2035-09-29']}}"
    (folder / "2035.yaml").write_text(f"calendar_years: [{entry}]", encoding="utf-8")
    (said,) = (await publish(database, folder, CLOCK)).years
    assert (said.calendar, said.before.is_provisional, said.after.source) == ("china", True, notice)
    (folder / "2035.yaml").unlink()
    assert (await publish(database, folder, CLOCK)).years == ()
    assert (await catalogue.calendar("kunshan")).year(2035).source == notice


async def test_without_a_calendar_only_weekends_are_known(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    path = folder / "jurisdictions.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("    calendar: china\n", ""), encoding="utf-8")
    done = await publish(database, folder, CLOCK)
    assert "no_calendar" in {finding.code for finding in done.report.findings}
    calendar = await catalogue.calendar("kunshan")
    assert calendar.year(2026).is_provisional
    assert [calendar.day(date(2026, 10, day)).why for day in (1, 3)] == ["workday", "weekend"]


async def test_a_version_is_one_object_in_a_process(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    await publish(database, folder, CLOCK)
    assert await catalogue.latest("newborn") is await catalogue.bundle("newborn", 1)


async def test_a_read_that_fails_has_failed_for_everybody_who_waited_for_it(
    database: Database, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In turn each would wait as long as the first did, behind the others."""
    reads = []

    @asynccontextmanager
    async def no_answer() -> AsyncIterator[None]:
        reads.append(1)
        await asyncio.sleep(0.01)
        raise Unavailable
        yield

    monkeypatch.setattr(database, "read", no_answer)
    asked = [catalogue.jurisdictions() for _ in range(5)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
    assert len(reads) == 1
    monkeypatch.undo()
    assert await catalogue.jurisdictions() == []


async def test_what_another_process_publishes_is_seen(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    with pytest.raises(NotFound):
        await catalogue.latest("newborn")
    await publish(database, folder, CLOCK)
    assert (await catalogue.latest("newborn")).version == 1


async def test_bundles_are_found_by_words_audience_and_place(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    await publish(database, folder, CLOCK)

    async def found(**wanted: str) -> list[str]:
        return [bundle.code for bundle in await catalogue.bundles(**wanted)]

    assert await found(q="新生儿") == ["newborn"]
    assert await found(q="NEWBORN") == ["newborn"]
    assert await found(q="nothing like it") == []
    assert "newborn" in await found(audience="natural_person")
    assert "newborn" not in await found(audience="enterprise")
    assert "newborn" in await found(jurisdiction="kunshan")
    assert await found(jurisdiction="nowhere") == []


async def test_a_bundle_covers_what_lies_below_its_jurisdictions(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    await publish(database, folder, CLOCK)
    newborn = await catalogue.latest("newborn")
    assert await catalogue.covers(newborn, "suzhou")
    assert await catalogue.covers(newborn, "kunshan")
    assert not await catalogue.covers(newborn, "nowhere")


async def test_a_district_numbers_its_cases_by_the_citys_template(
    database: Database, folder: Path, catalogue: Catalogue
) -> None:
    await publish(database, folder, CLOCK)
    template = await catalogue.number_template("kunshan")
    city = await catalogue.jurisdiction("suzhou")
    district = await catalogue.jurisdiction("kunshan")
    assert (template.organisation, template.text) == ("suzhou", city.case_number)
    assert template.area_code == district.area_code


async def test_what_is_not_there_is_not_found(database: Database, folder: Path, catalogue: Catalogue) -> None:
    await publish(database, folder, CLOCK)
    for question in (
        catalogue.latest("nothing"),
        catalogue.bundle("newborn", 2),
        catalogue.versions("nothing"),
        catalogue.jurisdiction("nowhere"),
        catalogue.number_template("nowhere"),
    ):
        with pytest.raises(NotFound):
            await question
