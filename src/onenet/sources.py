"""Sources of certificates 证照来源: where those that the catalogue names are asked.

Read as a part of the settings: `[[sources]]` in the TOML file, or a JSON array in `ONENET_SOURCES`. A source
that is not named here is not asked: its certificates are handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from onenet.destinations import NotAllowed, place_of

LONGEST_S = 10.0
"""A person waits for the answer."""


class Connected(BaseModel):
    """Where one source is. `code`: as in the catalogue. `key`: what it is shown; it comes from the source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern="^[a-z][a-z0-9_]{0,62}$")
    url: str = Field(max_length=255)
    key: SecretStr | None = None
    key_file: Path | None = None
    within_s: float = Field(default=5.0, gt=0, le=LONGEST_S)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            place_of(value)
        except NotAllowed:
            raise ValueError("expected https://… or http://…, without a name, # or spaces") from None
        return value

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if (self.key is None) == (self.key_file is None):
            raise ValueError("expected one of key and key_file")
        return self

    def bearer(self) -> str:
        """What it is shown, read when it is needed. Raises: OSError."""
        if self.key_file is not None:
            return self.key_file.read_text(encoding="utf-8").strip()
        return self.key.get_secret_value() if self.key is not None else ""


def told_apart(sources: Sequence[Connected]) -> None:
    """Passes when no two sources have a code in common. Raises: ValueError."""
    codes = [source.code for source in sources]
    if twice := next((code for code in codes if codes.count(code) > 1), None):
        raise ValueError(f"two sources have the code {twice}")
