"""What the database itself refuses, whoever writes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from onenet.store.database import Database, is_retryable
from tests.domain.walk import begin
from tests.store.seeding import save_department, save_new

pytestmark = pytest.mark.anyio

NONSENSE = {
    "a case in a state that does not exist": "UPDATE cases SET state = 'somewhere'",
    "a case without an event": "UPDATE cases SET seq = 0",
    "a step in a state that does not exist": "UPDATE step SET state = 'somewhere'",
    "an open step that waits for nothing": "UPDATE step SET waits_for = NULL",
    "a closed step that waits": "UPDATE step SET state = 'completed'",
    "a task in a state that does not exist": "UPDATE task SET state = 'somewhere'",
    "a task being sent by nobody": "UPDATE task SET state = 'sending'",
    "a sent task with an owner": "UPDATE task SET lease_token = id",
    "a sent task that is due": "UPDATE task SET state = 'sent'",
    "a case outside the lanes": (
        "INSERT INTO cases SELECT 256, case_id, 'n', 'b', 1, 'j', 's', 'c', 'received', 1, hash, 'x', 0,"
        " '2026-11-23', '2026-11-23', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'green', NULL, false, NULL"
        " FROM event LIMIT 1"
    ),
    "the same event twice": "INSERT INTO event SELECT * FROM event WHERE seq = 1",
    "a step of no case": (
        "INSERT INTO step (lane, case_id, code, department, state, since, waits_for, submission, results,"
        " requests) SELECT 7, id, 'x', 'd', 'waiting', created_at, 'steps', 0, '[]', '[]' FROM task"
    ),
    "a case taken out from under its events": "DELETE FROM cases",
}


@pytest.mark.parametrize("statement", NONSENSE.values(), ids=NONSENSE)
async def test_the_database_refuses(database: Database, statement: str) -> None:
    await save_new(database, [begin()])
    assert isinstance(await refusal(database, [statement]), IntegrityError)


async def refusal(database: Database, statements: Sequence[str]) -> DBAPIError | None:
    try:
        async with database.transaction() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    except DBAPIError as error:
        return error
    return None


async def test_a_department_has_one_endpoint(database: Database) -> None:
    await save_department(database, "police", "http://127.0.0.1:1")
    with pytest.raises(DBAPIError):
        await save_department(database, "police", "http://127.0.0.1:2")


async def test_a_key_that_another_one_wrote_first_may_be_tried_again(database: Database) -> None:
    """The gate looks again then, and finds what the other one did."""
    row = "INSERT INTO case_counter VALUES ('s', '2026-11-23', 1)"
    error = await refusal(database, [row, row])
    assert isinstance(error, DBAPIError)
    assert is_retryable(error)


async def test_a_row_that_breaks_a_rule_is_not_tried_again(database: Database) -> None:
    """It would break it every time, while everybody else waits."""
    await save_new(database, [begin()])
    error = await refusal(database, ["UPDATE cases SET seq = 0"])
    assert isinstance(error, DBAPIError)
    assert not is_retryable(error)
