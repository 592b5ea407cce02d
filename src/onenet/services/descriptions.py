"""Descriptions of departments' own APIs: read from a file with the place of each fault, and tried out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx2

from onenet.adapters import description, failures, open311_options
from onenet.adapters.base import APART, READS, Entry, Talk
from onenet.adapters.template import Fault
from onenet.catalogue.findings import Finding, Place, error
from onenet.catalogue.source import Node, read_file
from onenet.domain.outcome import Outcome
from onenet.errors import MisconfiguredError

LINTS: Mapping[str, Callable[[Any], list[Fault]]] = {
    "rest": description.faults,
    "open311": open311_options.faults,
}
"""The adapters that speak by a description, and what is wrong with one."""


def read(path: Path, adapter: str = "rest") -> tuple[Mapping[str, Any], list[Finding]]:
    """The description in a YAML file, and what is wrong with it, by line; use none with a finding.

    Raises: OSError, MisconfiguredError for an adapter that takes none.
    """
    if adapter not in LINTS:
        raise MisconfiguredError(f"expected a description with the adapters {' and '.join(LINTS)} alone")
    node, findings = read_file(path)
    if findings:
        return {}, findings
    node = node or Node({}, Place(path.as_posix()))
    return node.value, sorted(_finding(node, fault) for fault in LINTS[adapter](node.value))


def _finding(node: Node, fault: Fault) -> Finding:
    is_key = fault.code in ("unknown_key", "bad_key", "credential")
    place = node.key_place(fault.where) if is_key else node.find(fault.where).place
    return error(place, fault.code, fault.message)


_SAMPLE_TOKEN = {"access_token": "sample", "token_type": "Bearer"}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What an adapter would send, and what it makes of recorded answers; None where they do not suffice."""

    requests: tuple[httpx2.Request, ...]
    outcome: Outcome | None


def rehearse(talk: Talk, answers: Sequence[httpx2.Response], now: datetime) -> Rehearsal:
    """Plays a talk about a task with these answers; nobody is called. Raises: NotCalled."""
    requests = [_request(next(talk))]
    if APART in requests[0].extensions:
        requests.append(_request(talk.send(httpx2.Response(200, json=_SAMPLE_TOKEN))))
    for answer in answers:
        if failed := failures.of_response(answer, now, requests[-1].extensions.get(READS, ())):
            return Rehearsal(tuple(requests), failed)
        try:
            requests.append(_request(talk.send(answer)))
        except StopIteration as end:
            return Rehearsal(tuple(requests), end.value)
    return Rehearsal(tuple(requests), None)


def _request(said: httpx2.Request | Entry) -> httpx2.Request:
    """What a described adapter says: it writes no rows."""
    if isinstance(said, Entry):
        raise TypeError("a description makes requests only")
    return said


def told(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON values: its kind, and its members that say something."""
    members = asdict(outcome, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None})
    plain: dict[str, Any] = json.loads(json.dumps(members, default=date.isoformat))
    return {"kind": type(outcome).__name__} | plain
