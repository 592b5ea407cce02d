"""Results: where the results of a step are found by their codes, and what proves a number.

Both are made with the data key of the case, which lies wrapped in its row: a copy of the database lets nobody
make a code, a rotation of the key-encryption key keeps them, and an erased case has none any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.domain import verification
from onenet.domain.case import Case, Step
from onenet.domain.outcome import ResultGiven
from onenet.domain.states import StepState
from onenet.domain.verification import Code
from onenet.encryption import DataKey, KeyRing
from onenet.ids import lane_of
from onenet.store import sealing, tables

OF_LOCATOR, OF_PROOF = "result-locator/v1", "result-proof/v1"
MOST_FOUND = 20
"""Steps with one locator. Where a thousand million were issued, one stands beside it by chance."""


def numbered(step: Step) -> Iterator[ResultGiven]:
    """The results of a step that can be verified: what it issued itself, under a number, since 0.1."""
    if step.state is StepState.COMPLETED:
        yield from (each for each in step.results if each.number and each.issued_on)


def locator_of(case_id: UUID, step: Step, key: DataKey | None) -> int | None:
    """The column by which the step is found; None where there is nothing to verify."""
    if key is None or next(numbered(step), None) is None:
        return None
    return verification.locator_of(lane_of(case_id), key.mac(f"{case_id}/{step.code}", OF_LOCATOR))


def codes(ring: KeyRing, case: Case) -> list[tuple[Step, ResultGiven, Code]]:
    """The results of a case that can be verified, each with its code. Raises: Unreadable."""
    key = sealing.key_of(ring, case.data_key)
    found = []
    for step in case.steps.values():
        locator = locator_of(case.id, step, key)
        if key is None or locator is None:
            continue
        for result in numbered(step):
            text = f"{case.id}/{step.code}/{result.code}/{result.number}"
            proof = verification.proof_of(key.mac(text, OF_PROOF))
            found.append((step, result, Code(locator, proof)))
    return found


async def find(connection: AsyncConnection, code: Code | None) -> list[UUID]:
    """Ids of the cases in which a step has the code's locator; None looks where there is nothing."""
    c = tables.step.c
    sought = code or Code(-1, 0)
    statement = select(c.case_id).where(c.lane == sought.lane, c.result_locator == sought.locator)
    return list((await connection.execute(statement.limit(MOST_FOUND))).scalars())
