"""The log: its newest checkpoint, and the proof that an event is in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples
from onenet.api.answers import answer
from onenet.api.case_queries import CaseId
from onenet.api.cases import load
from onenet.api.contract import answers_with
from onenet.api.operations import Operations
from onenet.api.parts import parts
from onenet.api.shapes import Answer
from onenet.errors import NotFound
from onenet.services import proofs

operations = Operations("log")

EventSeq = Annotated[int, Path(ge=1, le=2_147_483_647)]


class CheckpointShape(Answer):
    """How many events are sealed and the root over them, as signed; and who signs, as a vkey."""

    checkpoint: str
    key: str


class ProofShape(CheckpointShape):
    """Why an event is in the log. Hashes are in hex digits, those of the proof from the leaf up."""

    seq: int
    hash: str
    leaf: int
    hashes: list[str]


@operations(
    "GET",
    "/v1/log/checkpoint",
    permission="public",
    answers={200: answers_with("The newest checkpoint", CheckpointShape, examples.CHECKPOINT)},
    problems=(404,),
)
async def get_checkpoint(request: Request) -> Response:
    """Gives the newest signed checkpoint of the record of events. It tells nothing of any case.

    Keep one, and `onenet log verify` can be held against it later. 404 until the first one is signed.
    """
    known = parts(request)
    newest = await known.checkpoints.newest(known.database)
    if newest is None:
        raise NotFound
    return answer(request, {"checkpoint": newest.checkpoint, "key": newest.key})


@operations(
    "GET",
    "/v1/cases/{case_id}/events/{seq}/proof",
    permission="cases:read",
    answers={200: answers_with("The proof", ProofShape, examples.PROOF)},
    problems=(404, 409),
)
async def get_proof(request: Request, case_id: CaseId, seq: EventSeq) -> Response:
    """Proves that an event is sealed in the log, against the newest checkpoint; 409 while it is not yet."""
    case = await load(request, case_id)
    proof = await proofs.of_event(parts(request).database, case.case.id, seq)
    members = {
        "seq": seq,
        "hash": proof.event_hash.hex(),
        "leaf": proof.leaf,
        "hashes": [each.hex() for each in proof.hashes],
        "checkpoint": proof.checkpoint,
        "key": proof.key,
    }
    return answer(request, members)
