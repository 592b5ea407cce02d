"""serve, worker, demo, openapi."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from onenet import security_log
from onenet.settings import read_settings

app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    worker: Annotated[bool, typer.Option(help="Also do the worker's work in this process.")] = True,
) -> None:
    """Serve the API."""
    from onenet import bootstrap  # here: loading the web framework takes 0.5 s

    settings = read_settings(host=host, port=port)
    security_log.open_stream(settings.security_log)
    bootstrap.run(bootstrap.serve(settings, with_worker=worker))


@app.command()
def worker() -> None:
    """Hand out tasks, deliver webhooks, fire timers."""
    from onenet import bootstrap

    settings = read_settings()
    security_log.open_stream(settings.security_log)
    bootstrap.run(bootstrap.work(settings))


@app.command()
def demo(
    *,
    check: Annotated[bool, typer.Option("--check", help="Run one case of each bundle to its end.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with an empty folder.")] = False,
    speed: Annotated[
        float | None,
        typer.Option(
            help="Legal seconds in a second; default: 19200, a day in 4.5 seconds, and 576000 with --check."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port of the API, refused where it is taken; default: the first free one from 8000,"
            " any free one with --check.",
        ),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its state.")] = Path(".onenet-demo"),
) -> None:
    """Run a demonstration city: departments, cases, a live table."""
    from onenet.demo import Choices, run

    raise typer.Exit(run(Choices(folder, check, fresh, speed, port, open_browser)))


@app.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="Compare with openapi/openapi.json.")] = False,
) -> None:
    """Print the API contract, or say whether the committed one differs from the code."""
    from onenet.app import contract

    text = json.dumps(contract(), ensure_ascii=False, indent=2) + "\n"
    if not check:
        typer.echo(text, nl=False)
        return
    committed = Path("openapi/openapi.json")
    if not committed.is_file() or committed.read_text(encoding="utf-8") != text:
        typer.echo("openapi/openapi.json differs from the code: run `python3 dev.py openapi`", err=True)
        raise typer.Exit(1)
