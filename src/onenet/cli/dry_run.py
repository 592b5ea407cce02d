"""department dry-run: what a description makes of a task and of recorded answers, without calling anybody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx2
import typer

from onenet.adapters.base import Endpoint, Talk, TaskSheet, UnreadableAnswer
from onenet.adapters.description import read, secrets
from onenet.adapters.failures import NotCalled
from onenet.adapters.masking import MASK
from onenet.adapters.rest import Rest
from onenet.adapters.signing import new_own_key
from onenet.clock import SystemClock
from onenet.domain.outcome import Outcome, Received, Unclear
from onenet.errors import MisconfiguredError
from onenet.resources import example_descriptions_dir
from onenet.services import descriptions

_URL = "http://department.example"
_NUMBER = "2026-000001"
"""By which a task is asked about when no recorded answer names a number."""

_Recorded = typer.Option(help="File with the body of an answer, as the department sent it.")


def described(path: Path, adapter: str = "rest") -> Mapping[str, Any]:
    """The description in this file; tells its faults and leaves with status 1 when there are any."""
    found, findings = descriptions.read(path, adapter)
    for finding in findings:
        typer.echo(str(finding))
    if findings:
        raise typer.Exit(1)
    return found


def run(
    description: Annotated[Path, typer.Argument(help="YAML file that describes the API.")],
    *,
    url: Annotated[str, typer.Option(help="The address that it would be registered with.")] = _URL,
    task: Annotated[Path | None, typer.Option(help="JSON of a task; default: a sample.")] = None,
    answer: Annotated[Path | None, _Recorded] = None,
    status: Annotated[int, typer.Option(help="The status that the answer came with.")] = 200,
    callback: Annotated[Path | None, typer.Option(help="File with the body of a callback.")] = None,
    poll: Annotated[
        Path | None, typer.Option(help="File with the body of what they say when they are asked.")
    ] = None,
) -> None:
    """Check a description; show the requests about a task, and what an answer or a callback of theirs means.

    Nobody is called. Exit status 1: the description has faults, or an answer is unclear.
    """
    options = described(description)
    says = read(options)
    hidden = dict.fromkeys(secrets(says), MASK)
    adapter = Rest(Endpoint(UUID(int=0), "department", "rest", url, (new_own_key(),), options, hidden))
    sheet = _sheet(task)
    said = [_response(answer, status, says.answer.format)] if answer else []
    outcomes = [_play(adapter.submit(sheet), said)]
    if poll is not None:
        taken = outcomes[0]
        reference = taken.reference if isinstance(taken, Received) else None
        outcomes.append(
            _play(adapter.poll(sheet, reference or _NUMBER), [_response(poll, 200, says.answer.format)])
        )
    if callback is not None:
        outcomes.append(_read_callback(adapter, callback.read_bytes()))
    for outcome in [outcome for outcome in outcomes if outcome is not None]:
        typer.echo(json.dumps(descriptions.told(outcome), ensure_ascii=False))
    if any(isinstance(outcome, Unclear) for outcome in outcomes):
        raise typer.Exit(1)


def _play(talk: Talk, said: Sequence[httpx2.Response]) -> Outcome | None:
    """Shows what would be sent; what the answers mean, if they are given."""
    try:
        played = descriptions.rehearse(talk, said, SystemClock().now())
    except NotCalled as error:
        typer.echo(f"no call would be made: {error}")
        raise typer.Exit(1) from None
    for request in played.requests:
        _show(request)
    return played.outcome


def _sheet(path: Path | None) -> TaskSheet:
    """The task in this file. Raises: MisconfiguredError."""
    try:
        sheet = json.loads((path or example_descriptions_dir() / "sample_task.json").read_bytes())
    except ValueError:
        sheet = None
    if not isinstance(sheet, dict) or not isinstance(sheet.get("task"), str):
        raise MisconfiguredError("expected the JSON of a task, with its member task")
    return TaskSheet(sheet["task"], json.dumps(sheet), sheet)


def _response(path: Path, status: int, form: str) -> httpx2.Response:
    headers = {"content-type": f"application/{form}"}
    return httpx2.Response(status, headers=headers, content=path.read_bytes())


def _read_callback(adapter: Rest, body: bytes) -> Outcome:
    try:
        return adapter.read_callback(body).outcome
    except UnreadableAnswer as error:
        return Unclear(str(error))


def _show(request: httpx2.Request) -> None:
    typer.echo(f"{request.method} {request.url}")
    for name, value in request.headers.items():
        if name not in ("host", "content-length"):
            typer.echo(f"{name}: {value}")
    typer.echo(f"\n{request.read().decode()}\n")
