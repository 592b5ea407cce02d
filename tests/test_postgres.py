"""The server of the tests gives each a database as new, though another test may have had it before."""

from __future__ import annotations

import psycopg
import pytest

from tests.postgres import PostgresServer

pytestmark = pytest.mark.postgres

CHANGES = {
    "a table more": "CREATE TABLE more (id int)",
    "a column renamed": "ALTER TABLE cases RENAME COLUMN number TO no",
    "an index less": "DROP INDEX uq_endpoint_department",
    "a check less": "ALTER TABLE department DROP CONSTRAINT pk_department",
    "a trigger": "CREATE TRIGGER more BEFORE UPDATE ON cases"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a setting": "ALTER DATABASE {name} SET work_mem = '8MB'",
    "another revision": "UPDATE alembic_version SET version_num = version_num",
    "statistics": "ANALYZE",
}


def used(server: PostgresServer, template: str, statement: str) -> str:
    """The URL of a database to which this was done."""
    with server.database(template) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            name = connection.info.dbname
            connection.execute(statement.format(name=name).encode())
        return url


def test_a_database_with_rows_is_emptied_and_used_again(
    postgres: PostgresServer, postgres_template: str
) -> None:
    own = "own_template"  # what other tests gave back may have been analysed since, and is dropped then
    postgres.create(own, postgres_template)
    url = used(postgres, own, "INSERT INTO department VALUES ('health', '{{}}', now())")
    with postgres.database(own) as again, psycopg.connect(again) as connection:
        assert again == url
        assert connection.execute("SELECT pg_relation_size('department')").fetchone() == (0,)


def test_a_session_that_a_test_left_behind_is_ended(postgres: PostgresServer, postgres_template: str) -> None:
    with postgres.database(postgres_template) as url:
        left = psycopg.connect(url)
        left.execute("LOCK TABLE cases")
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_database_that_was_changed_is_dropped(
    postgres: PostgresServer, postgres_template: str, statement: str
) -> None:
    url = used(postgres, postgres_template, statement)
    with postgres.database(postgres_template) as again:
        assert again != url
