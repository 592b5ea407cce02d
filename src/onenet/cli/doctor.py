"""doctor: says what is well and what is not, in a line each; looks through all cases when told to."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import OperationalError

from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.resources import migrations_dir
from onenet.services import destinations, doctor, examination, exchange, issuers, reconciler
from onenet.services.advance import Gate
from onenet.services.anchor import Anchor
from onenet.services.catalogue import Catalogue
from onenet.services.doctor import Clocks, Remark
from onenet.services.invariants import Finding
from onenet.settings import Settings, read_settings
from onenet.store import inspection, timers
from onenet.store.database import Database
from onenet.store.migrating import Migrator

app = typer.Typer()

MARKS = {"ok": "ok     ", "warning": "warning", "finding": "finding"}


@app.command("doctor")
def run(
    invariants: Annotated[bool, typer.Option("--invariants", help="Check I1-I8 on every case.")] = False,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="First mend what waits for nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Say what is well and what is not, and what to do (exit status 1 when something has to be done)."""
    settings = read_settings()
    remarks = [*_settings(settings), *_encryption_key(settings), *_revision(settings)]
    report: dict[str, Any] = {"checks": remarks}
    if not _wrong(remarks):
        remarks += asyncio.run(issuers.look(settings.issuers, settings.destinations()))
        remarks += with_database(lambda database: doctor.look(database, _clocks(settings)))
        remarks += with_database(lambda database: destinations.look(database, settings.destinations()))
        remarks += with_database(lambda database: exchange.remarks(database, _clocks(settings)))
        anchor = Anchor(settings.log_anchor_file) if settings.log_anchor_file else None
        remarks += with_database(lambda database: doctor.sealing(database, _clocks(settings), anchor))
        if settings.stamp_url is not None:
            every = timedelta(seconds=settings.stamp_every_s)
            remarks += with_database(lambda database: doctor.stamps(database, _clocks(settings), every))
        if reconcile:
            report["reconciled"] = with_database(lambda database: _reconcile(database, settings))
        if invariants:
            report["invariants"] = with_database(_examine)
    _tell(report, as_json=as_json)
    if _wrong(remarks) or report.get("invariants") or report.get("reconciled", {}).get("left"):
        raise typer.Exit(1)


def _wrong(remarks: list[Remark]) -> bool:
    return any(remark.level == "finding" for remark in remarks)


def _clocks(settings: Settings) -> Clocks:
    from onenet.bootstrap import legal_clock  # here: loading the web framework takes 0.5 s

    machine = SystemClock()
    return Clocks(legal_clock(settings, machine), machine)


def _settings(settings: Settings) -> list[Remark]:
    """A wrong setting never gets so far; what is told here is right and still not meant for a city."""
    if settings.clock_speed != 1.0 or settings.clock_origin is not None:
        advice = "unset ONENET_CLOCK_SPEED and ONENET_CLOCK_ORIGIN: they are for the demo"
        return [Remark("settings", "warning", "legal time is not the time of day", advice)]
    return [Remark("settings", "ok", "every setting is known and well formed")]


def _encryption_key(settings: Settings) -> list[Remark]:
    """A wrong line never gets so far; that the key is the right one is known only where the database is."""
    if settings.kek:
        return []
    advice = "onenet kek create FILE, keep a copy of it apart from the database, set ONENET_KEK_FILE=FILE"
    return [Remark("encryption", "finding", "no key-encryption key is set", advice)]


def _revision(settings: Settings) -> list[Remark]:
    migrator = Migrator(settings.resolved_database_url(), migrations_dir())
    try:
        current, head = migrator.current(), migrator.head()
    except OperationalError as error:
        words = str(error.orig).strip().splitlines()[0]
        return [Remark("database", "finding", words, "start it, or set ONENET_DATABASE_URL right")]
    if current == head:
        return [Remark("revision", "ok", f"the tables are at the newest revision, {head}")]
    says = f"the tables are at revision {current or 'base'}, the newest is {head}"
    return [Remark("revision", "finding", says, "onenet db upgrade")]


async def _examine(database: Database) -> list[Finding]:
    """The findings; a terminal sees how far it is, and each finding as soon as there is one."""
    async with database.read() as connection:
        total = await inspection.count_cases(connection)
    console = Console(stderr=True)
    columns = (TextColumn("cases"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("cases", total=total)
        walk = examination.examine(
            database, Catalogue(database).bundle, lambda count: progress.advance(bar, count)
        )
        return [finding async for finding in walk]


async def _reconcile(database: Database, settings: Settings) -> dict[str, int]:
    """Goes through every open case once, also those that moved a moment ago."""
    clocks = _clocks(settings)
    catalogue = Catalogue(database)
    gate = Gate(database, catalogue.bundle, clocks.legal, clocks.machine, catalogue.rules)
    async with database.transaction() as connection:
        await timers.let_go(connection)
    after, totals = inspection.FIRST, {"looked": 0, "mended": 0, "left": 0}
    while True:
        done = await reconciler.batch(database, gate, clocks.machine, after, clocks.legal.now())
        for name in totals:
            totals[name] += getattr(done, name)
        if done.last is None:
            return totals
        after = done.last


def _tell(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report, default=_plain, ensure_ascii=False))
        return
    for remark in report["checks"]:
        advice = f" -> {remark.advice}" if remark.advice else ""
        typer.echo(f"{MARKS[remark.level]}  {remark.check}: {remark.says}{advice}")
    if (done := report.get("reconciled")) is not None:
        typer.echo(f"{done['looked']} open cases looked at, {done['mended']} mended, {done['left']} left")
    if (findings := report.get("invariants")) is not None:
        for finding in findings:
            where = f"case {finding.case_id}" + (f", step {finding.step}" if finding.step else "")
            typer.echo(f"finding  {finding.invariant}: {where}: {finding.what} -> {finding.advice}")
        typer.echo(f"{len(findings)} violations of I1 to I8")


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Remark | Finding) else str(value)
