"""log verify, export, seal, key: the record of events, and what proves that nobody changed it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from onenet import crashing, security_log
from onenet.adapters.stamps import Authority
from onenet.cli.opening import with_database
from onenet.clock import SystemClock
from onenet.domain.note import MalformedNote, PublicKey, read_key
from onenet.services import anchor as anchors
from onenet.services import cases, log_export, log_import, log_key, record
from onenet.services.anchor import Anchor
from onenet.services.elsewhere import Kept
from onenet.services.sealing import Sealing
from onenet.settings import read_settings

app = typer.Typer(name="log", no_args_is_help=True, help="The record of events.")


@app.callback()
def group() -> None:
    """The record of events."""


_EXPORT = typer.Option(help="An export, instead of the database.", exists=True, dir_okay=False)
_ANCHOR = typer.Option(help="The file of checkpoints that was kept.", exists=True, dir_okay=False)
_WITNESS = typer.Option(
    help="Checkpoints that a department kept, one a line; may be repeated.", exists=True, dir_okay=False
)
_STAMPED_BY = typer.Option(
    help="Certificates of the time-stamping authority, if none are set.", exists=True, dir_okay=False
)


@app.command()
def verify(
    *,
    from_export: Annotated[Path | None, _EXPORT] = None,
    anchor: Annotated[Path | None, _ANCHOR] = None,
    witness: Annotated[list[Path] | None, _WITNESS] = None,
    key: Annotated[
        str | None, typer.Option(help="The log's public key, as `onenet log key` printed it.")
    ] = None,
    stamped_by: Annotated[Path | None, _STAMPED_BY] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Check every event, leaf and checkpoint (exit status 1 when something is not as it was written)."""
    pem = stamped_by.read_text(encoding="utf-8") if stamped_by else read_settings().stamp_certificates
    kept = Kept(
        key=_public(key),
        anchor=list(anchors.lines(anchor)) if anchor else [],
        witnesses=[copy for file in witness or () for copy in anchors.copies(file)],
        authority=Authority.read(pem) if pem else None,
    )
    verdict = _of_export(from_export, kept) if from_export else _of_database(kept)
    if as_json:
        typer.echo(json.dumps(asdict(verdict), default=str))
    else:
        _tell(verdict)
        if kept.witnesses:
            many = len(kept.witnesses)
            typer.echo(f"{verdict.witnessed} of {many} checkpoints that witnesses kept are in the log")
        typer.echo(f"{verdict.cases} cases, {verdict.events} events, {len(verdict.tamperings)} found")
    if verdict.tamperings:
        security_log.report("record_tampered", found=len(verdict.tamperings))
        raise typer.Exit(1)


def _tell(verdict: record.Verdict) -> None:
    """Each tampering with its place; then how far the record is sealed, and stamped."""
    for found in verdict.tamperings:
        step = f"step {found.step}" if found.step else "case"
        where = step if found.seq is None else f"event {found.seq}"
        place = f"case {found.case_id}: {where}" if found.case_id else "log"
        typer.echo(f"{place}: {found.kind} {found.detail}".rstrip())
    gone = f"; the private part of {verdict.erased} is erased" if verdict.erased else ""
    if verdict.checkpoints:
        typer.echo(f"{verdict.sealed} events sealed under {verdict.checkpoints} checkpoints{gone}")
    if verdict.private_unchecked:
        typer.echo(f"private parts not checked: {verdict.private_unchecked}")
    stamped = verdict.stamped
    if stamped.at:
        since = f"{stamped.at:%Y-%m-%dT%H:%M:%SZ}"
        typer.echo(f"{stamped.stamps} time stamps; {stamped.size} events were there at {since}")
    if stamped.not_judged:
        typer.echo(
            f"{stamped.not_judged} time stamps not judged: give --stamped-by, the authority's certificates"
        )


def _public(text: str | None) -> PublicKey | None:
    try:
        return read_key(text) if text else None
    except MalformedNote as error:
        raise typer.BadParameter(str(error), param_hint="--key") from None


def _of_database(kept: Kept) -> record.Verdict:
    return with_database(lambda database: record.verify(database, kept))


def _of_export(file: Path, kept: Kept) -> record.Verdict:
    with file.open("rb") as lines:
        return log_import.verify_export(lines, kept)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write; must not exist yet.")],
    case: Annotated[
        str | None, typer.Option(help="The number or id of one case: its events, each with a proof.")
    ] = None,
    private: Annotated[
        bool,
        typer.Option("--private", help="With the private parts of events, readable by whoever has the file."),
    ] = False,
) -> None:
    """Write everything that is needed to verify the record elsewhere: JSON lines."""
    if file.exists():
        raise typer.BadParameter(f"{file} is there already, and is not written over: name another file")
    case_id = with_database(lambda database: cases.id_of(database, case)) if case else None
    with file.open("xb") as out:
        events = with_database(
            lambda database: log_export.write(database, out, case_id=case_id, with_private=private)
        )
    typer.echo(f"{events} events in {file}")


@app.command()
def seal() -> None:
    """Seal what is not sealed yet, now; a worker does so by itself every minute."""
    settings = read_settings()
    crashing.arm(settings.crash)
    kept = Anchor(settings.log_anchor_file) if settings.log_anchor_file else None
    events = with_database(lambda database: Sealing(database, database.ring, SystemClock(), kept).all())
    typer.echo(f"{events} events sealed")


@app.command()
def key() -> None:
    """Print the log's public key, for those who verify; it is made if there is none."""
    public = with_database(lambda database: log_key.public_key(database, database.ring, SystemClock().now()))
    typer.echo(public.text())
