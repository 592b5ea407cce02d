"""What tests do to databases from outside: bring them up to date, find their file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from onenet.resources import migrations_dir
from onenet.store.migrating import Migrator
from tests.factories import NOW


def migrate(url: str) -> None:
    """Brings a database to the newest revision."""
    Migrator(url, migrations_dir()).upgrade("head", lambda line: None, NOW)


def sqlite_file(url: str) -> Path:
    """The file behind a SQLite URL."""
    return Path(make_url(url).database or "")
