"""catalogue lint, publish, show, rules."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from onenet.catalogue.lint import Report
from onenet.catalogue.lint import lint as check
from onenet.cli.opening import with_database
from onenet.domain.calendar import Year
from onenet.domain.rules import Changed, Held
from onenet.resources import example_catalogue_dir
from onenet.services import catalogue
from onenet.services.clock import machine_time
from onenet.settings import read_settings
from onenet.store.database import Database

app = typer.Typer(
    name="catalogue", no_args_is_help=True, help="Jurisdictions, departments, items and bundles."
)
Folder = Annotated[
    Path | None, typer.Argument(help="Folder of YAML files; default: the examples that come with onenet.")
]


LAW = "law"


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in report.findings], ensure_ascii=False))
        return
    for finding in report.findings:
        typer.echo(str(finding))
    typer.echo(f"{len(report.errors)} errors, {len(report.findings) - len(report.errors)} warnings")


@app.command()
def lint(folder: Folder = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Check a catalogue; each fault with file, line, column and what was expected (status 1 on errors)."""
    report = check(folder or example_catalogue_dir())
    _tell(report, as_json)
    if report.errors:
        raise typer.Exit(1)


@app.command()
def publish(folder: Folder = None) -> None:
    """Publish what is new in a catalogue, and say which years and rules of places it changes; one with errors
    changes nothing (exit status 1)."""
    made = with_database(lambda db: _publish(db, folder or example_catalogue_dir()))
    if made.report.errors:
        _tell(made.report, as_json=False)
        raise typer.Exit(1)
    for version in made.added:
        typer.echo(f"published {version.code} version {version.version}")
    for version in made.unchanged:
        typer.echo(f"unchanged {version.code} version {version.version}")
    for each in made.years:
        both = " -> ".join(map(_of_year, (each.before, each.after)))
        typer.echo(f"calendar {each.calendar} {each.after.year}: {both}")
    for change in sorted(made.rules, key=_is_gone):
        typer.echo(_told(change))


def _of_year(year: Year) -> str:
    return f"{year.source} (provisional)" if year.is_provisional else year.source


def _is_gone(change: Changed) -> bool:
    return change.after.said_by != change.place


def _told(change: Changed) -> str:
    warning = "warning: " if _is_gone(change) else ""
    before, after = (_text(each) + _by(each, change.place) for each in (change.before, change.after))
    return f"{warning}rules of {change.place}: {change.before.name} {before} -> {after}"


def _by(rule: Held, place: str) -> str:
    return "" if rule.said_by == place else f" ({rule.said_by or LAW})"


def _text(rule: Held) -> str:
    match rule.value:
        case {"number": number, "unit": unit}:
            return f"{number} {unit}"
        case str(text):
            return text
        case None:
            return "-"
        case value:
            return json.dumps(value, ensure_ascii=False)


async def _publish(database: Database, folder: Path) -> catalogue.Publication:
    """By the clock of the servers: they look again at what is due some seconds after this moment."""
    from onenet.bootstrap import legal_clock  # here: loading the web framework takes 0.5 s

    time = await machine_time(database)
    return await catalogue.publish(database, folder, legal_clock(read_settings(), time.clock))


@app.command()
def show(
    code: Annotated[str | None, typer.Argument(help="A bundle's code; default: all, a line each.")] = None,
) -> None:
    """Show published bundles."""
    if code is None:
        for bundle in with_database(lambda db: catalogue.Catalogue(db).bundles()):
            typer.echo(f"{bundle.code:<32} v{bundle.version:<3} {bundle.names['zh']} / {bundle.names['en']}")
        return
    bundle = with_database(lambda db: catalogue.Catalogue(db).latest(code))
    typer.echo(f"{bundle.names['zh']} / {bundle.names['en']}, version {bundle.version}")
    for member in bundle.members:
        after = f" after {', '.join(member.after)}" if member.after else ""
        when = f" if {member.when}" if member.when else ""
        typer.echo(f"  {member.code:<32} {member.department:<10} {member.names['en']}{after}{when}")


@app.command()
def rules(place: Annotated[str, typer.Argument(help="A jurisdiction's code.")]) -> None:
    """Show the rules that hold in a place, and who says so: it, a place above it, or the law."""
    for rule in with_database(lambda db: catalogue.Catalogue(db).held(place)):
        typer.echo(f"{rule.name:<20} {rule.said_by or LAW:<14} {_text(rule)}")
