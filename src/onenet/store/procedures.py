"""Procedures as JSON, and back: one adapter over the closed union of their kinds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from onenet.domain.procedures import Procedure

_ADAPTER: TypeAdapter[tuple[Procedure, ...]] = TypeAdapter(
    tuple[Annotated[Procedure, Field(discriminator="kind")], ...]
)


def as_json(procedures: tuple[Procedure, ...]) -> list[Any]:
    """They in values that JSON has."""
    plain: list[Any] = _ADAPTER.dump_python(procedures, mode="json")
    return plain


def read(plain: Any) -> tuple[Procedure, ...]:
    """They out of such values. Raises: ValueError for what is none."""
    return _ADAPTER.validate_python(plain) if plain else ()
