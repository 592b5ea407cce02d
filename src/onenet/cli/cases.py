"""case list, show, events, erase, hold, lift: for operators."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import RowMapping

from onenet.adapters.masking import masked
from onenet.cli.opening import OPERATOR, with_database
from onenet.clock import SystemClock
from onenet.domain import ticket_handling
from onenet.domain.case import Case, Step
from onenet.domain.corrections import as_told
from onenet.domain.results import told_state
from onenet.domain.states import CaseState
from onenet.domain.tickets import Round, Ticket, ticket_of
from onenet.domain.visibility import EVERYTHING
from onenet.services import cases, erasure
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.reading import Reading
from onenet.store import erasure as store_erasure
from onenet.store import inspection
from onenet.store.database import Database

app = typer.Typer(name="case", no_args_is_help=True, help="Cases: what they are, and erasing them.")
Number = Annotated[str, typer.Argument(help="The case's number or id.")]
AsJson = Annotated[bool, typer.Option("--json")]


async def _find(database: Database, number: str) -> Case:
    """The case of that number or id. Raises: NotFound."""
    return await cases.get(database, Catalogue(database), await cases.id_of(database, number), EVERYTHING)


def _line(case: Case) -> dict[str, object]:
    return {"number": case.number, "id": str(case.id), "bundle": case.bundle.code, "state": case.state.value}


def _step(step: Step) -> dict[str, object]:
    waiting = step.waiting and step.waiting._asdict()
    results = [asdict(each) | {"state": told_state(step, each)} for each in step.results]
    given = results, [as_told(request) for request in step.requests]
    return step._asdict() | {"waiting": waiting, "results": given[0], "requests": given[1]}


def _step_line(step: Step) -> str:
    waiting = step.waiting
    why = f"waits for {waiting.waits_for}: {waiting.reason} {' '.join(waiting.refs)}" if waiting else ""
    why = f"{why.strip()} ({step.reason})".strip() if step.reason else why
    return f"  {step.code:<32} {step.department:<10} {step.state.value:<18} {why}".rstrip()


def _ticket(case: Case, ticket: Ticket) -> dict[str, object]:
    """How a hotline ticket stands, and what its caller was told: no word between units."""
    rounds = [_round(number, each) for number, each in enumerate(ticket.rounds, 1)]
    return {"state": ticket.state, "due_at": ticket_handling.due_at(case), "rounds": rounds}


def _round(number: int, each: Round) -> dict[str, object]:
    names = ("department", "part", "state", "is_late")
    units = [{name: getattr(unit, name) for name in names} for unit in each.units]
    said = each.call_back
    called = said and {"at": said.at, "is_solved": said.is_solved, "is_satisfied": said.is_satisfied}
    return {"round": number, "state": each.state, "units": units, "answer": each.answer, "call_back": called}


def _ticket_lines(case: Case, ticket: Ticket) -> Iterator[str]:
    due_at = ticket_handling.due_at(case)
    for number, each in enumerate(ticket.rounds, 1):
        until = f"until {due_at:%Y-%m-%dT%H:%M:%SZ}" if due_at and each is ticket.round else ""
        yield f"  {f'round {number}':<43} {each.state:<18} {until}".rstrip()
        for unit in each.units:
            late = "late" if unit.is_late else ""
            yield f"    {unit.part:<30} {unit.department:<10} {unit.state:<18} {late}".rstrip()
        if each.answer is not None:
            yield f"    answer: {each.answer}"
        if (said := each.call_back) is not None:
            solved, satisfied = ("" if yes else "not " for yes in (said.is_solved, said.is_satisfied))
            yield f"    called back {said.at:%Y-%m-%dT%H:%M:%SZ}: {solved}solved, {satisfied}satisfied"


@app.command("list")
def list_(
    state: Annotated[CaseState | None, typer.Option(help="Only cases in this state.")] = None,
    held: Annotated[
        bool, typer.Option("--held", help="Only open cases with a held step: why, since when.")
    ] = False,
    legal_hold: Annotated[
        bool, typer.Option("--legal-hold", help="Only cases held back from erasure: since when, why.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List cases, newest first; with --held or --legal-hold what is held, the longest held first."""
    if legal_hold and (held or state):
        raise typer.BadParameter("expected alone, or with --limit", param_hint="--legal-hold")
    if legal_hold:
        _tell_legal_holds(with_database(lambda db: _legal_holds(db, limit)), as_json=as_json)
        return
    if held:
        _tell_held(with_database(lambda db: _held(db, state, limit)), as_json=as_json)
        return
    found = with_database(lambda db: Reading(db, Catalogue(db)).page(EVERYTHING, state=state, limit=limit))
    if as_json:
        typer.echo(json.dumps([_line(case) for case in found]))
        return
    for case in found:
        typer.echo(f"{case.number:<22} {case.state.value:<17} {case.bundle.code:<30} {case.id}")


async def _held(database: Database, state: CaseState | None, limit: int) -> Sequence[RowMapping]:
    async with database.read() as connection:
        return await inspection.held_steps(connection, state, limit)


def _tell_held(steps: Sequence[RowMapping], *, as_json: bool) -> None:
    if as_json:
        shown = [
            {
                "number": step["number"], "id": str(step["id"]), "bundle": step["bundle_code"],
                "state": step["state"], "step": step["code"], "department": step["department"],
                "wait_reason": step["wait_reason"], "since": step["since"].isoformat(),
            }
            for step in steps
        ]  # fmt: skip
        typer.echo(json.dumps(shown))
        return
    for step in steps:
        why = f"{step['wait_reason']:<24} since {step['since']:%Y-%m-%dT%H:%M:%SZ}"
        typer.echo(f"{step['number']:<22} {step['code']:<32} {step['department']:<10} {why}")


async def _legal_holds(database: Database, limit: int) -> Sequence[Mapping[str, Any]]:
    async with database.read() as connection:
        return [_shown(hold) for hold in await store_erasure.under_hold(connection, limit)]


def _shown(hold: Mapping[str, Any]) -> Mapping[str, Any]:
    """A hold as it is told: whoever wrote the reason may have written an identity number in it."""
    return {**hold, "reason": masked(hold["reason"])}


def _tell_legal_holds(found: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([dict(hold) for hold in found], default=str, ensure_ascii=False))
        return
    for hold in found:
        typer.echo(f"{hold['number']:<22} since {hold['placed_at']:%Y-%m-%dT%H:%M:%SZ} {hold['reason']}")


def _plain(row: Mapping[str, Any] | RowMapping | None, *names: str) -> dict[str, object] | None:
    return {name: row[name] for name in names} if row else None


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a case, what each step waits for (of a ticket its rounds), and whether it is held or erased."""

    async def use(database: Database) -> tuple[Case, Mapping[str, Any] | None, RowMapping | None]:
        case = await _find(database, number)
        async with database.read() as connection:
            held, erased = await store_erasure.standing(connection, case.id)
        return case, _shown(held) if held else None, erased

    case, hold, erasure_ = with_database(use)
    ticket = ticket_of(case.content.procedures)
    if as_json:
        held = {
            "legal_hold": _plain(hold, "placed_at", "placed_by", "reason"),
            "erasure": _plain(erasure_, "decided_at", "erased_at", "actor", "basis"),
        }
        steps = [_step(step) for step in case.steps.values()]
        told = _line(case) | held | {"steps": steps} | ({"ticket": _ticket(case, ticket)} if ticket else {})
        typer.echo(json.dumps(told, default=str, ensure_ascii=False))
        return
    typer.echo(f"{case.number} {case.bundle.names['zh']} / {case.bundle.names['en']}: {case.state.value}")
    if hold:
        typer.echo(f"  under legal hold since {hold['placed_at']:%Y-%m-%dT%H:%M:%SZ}: {hold['reason']}")
    if erasure_:
        done = (
            f"erased {erasure_['erased_at']:%Y-%m-%dT%H:%M:%SZ}" if erasure_["erased_at"] else "to be erased"
        )
        typer.echo(f"  {done}: {erasure_['basis']}")
    for line in _ticket_lines(case, ticket) if ticket else map(_step_line, case.steps.values()):
        typer.echo(line)


@app.command()
def events(number: Number, as_json: AsJson = False) -> None:
    """Show a case's history."""

    async def use(database: Database) -> list[dict[str, object]]:
        case = await _find(database, number)
        found = await cases.events(database, case.id, 0, 10_000)
        return [
            {"seq": e.seq, "at": e.at, "type": e.type, "step": e.step, "actor": e.actor, "data": e.content()}
            for e in found
        ]

    for event in with_database(use):
        if as_json:
            typer.echo(json.dumps(event, ensure_ascii=False))
        else:
            step = event["step"] or ""
            typer.echo(f"{event['seq']:>4} {event['at']} {event['type']:<26} {step:<28} {event['actor']}")


Reason = Annotated[str, typer.Option(help="Why.")]
Basis = Annotated[str, typer.Option(help="On what basis, for the record, where it stays: no names.")]


@app.command()
def erase(number: Number, basis: Basis) -> None:
    """Erase what was said in a closed case, now; its number, states and times stay. Cannot be undone."""

    async def use(database: Database) -> None:
        case, clock = await _find(database, number), SystemClock()
        catalogue = Catalogue(database)
        gate = Gate(database, catalogue.bundle, clock, clock, catalogue.rules)
        await erasure.erase(database, gate, case.id, basis=basis, actor=OPERATOR, now=clock.now())

    with_database(use)
    typer.echo(f"{number} is erased")


@app.command()
def hold(number: Number, reason: Reason) -> None:
    """Hold a case back from erasure, as for a lawsuit, until `lift`."""

    async def use(database: Database) -> None:
        case = await _find(database, number)
        now = SystemClock().now()
        await erasure.hold(database, case.id, reason=reason, actor=OPERATOR, now=now)

    with_database(use)
    typer.echo(f"{number} is under legal hold")


@app.command()
def lift(number: Number) -> None:
    """End a legal hold; the case is erased when its time is over, or has been over."""

    async def use(database: Database) -> None:
        case = await _find(database, number)
        await erasure.lift(database, case.id, actor=OPERATOR, now=SystemClock().now())

    with_database(use)
    typer.echo(f"{number} is under no legal hold any more")
