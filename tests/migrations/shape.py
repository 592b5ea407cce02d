"""The shape of a database as its engine tells it, in a form in which two of them can be compared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Inspector, create_engine, inspect

from onenet.store.migrating import sync_url

Shape = dict[str, dict[str, Any]]


def shape_of(url: str) -> Shape:
    """Every table with its columns, keys, checks and indexes; Alembic's own table is left out."""
    engine = create_engine(sync_url(url))
    try:
        inspector = inspect(engine)
        return {
            table: _table(inspector, table)
            for table in inspector.get_table_names()
            if table != "alembic_version"
        }
    finally:
        engine.dispose()


def _table(inspector: Inspector, table: str) -> dict[str, Any]:
    return {
        "columns": {
            column["name"]: (str(column["type"]), column["nullable"], column["default"])
            for column in inspector.get_columns(table)
        },
        "primary key": inspector.get_pk_constraint(table),
        "foreign keys": _sorted(inspector.get_foreign_keys(table)),
        "checks": _sorted(inspector.get_check_constraints(table)),
        "unique": _sorted(inspector.get_unique_constraints(table)),
        "indexes": _sorted(_index(index) for index in inspector.get_indexes(table)),
    }


def _index(index: Any) -> dict[str, Any]:
    """With the condition of a partial index, whose text differs in nothing but its type."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def _sorted(parts: Any) -> list[Any]:
    return sorted(parts, key=str)
