"""The file that ONENET_CONFIG names: a city must not run on defaults because of a typo."""

from __future__ import annotations

from pathlib import Path

import pytest

from onenet.errors import MisconfiguredError
from onenet.settings import read_settings


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONENET_CONFIG", str(tmp_path / "onnet.toml"))
    with pytest.raises(MisconfiguredError, match=r"onnet\.toml: No such file"):
        read_settings()


def test_a_file_that_is_no_toml_is_refused_with_the_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "onenet.toml"
    file.write_text("port=\n")
    monkeypatch.setenv("ONENET_CONFIG", str(file))
    with pytest.raises(MisconfiguredError, match=r"ONENET_CONFIG: the file is no TOML: .*line 1"):
        read_settings()


def test_a_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "onenet.toml"
    file.write_text("port = 8123\n")
    monkeypatch.setenv("ONENET_CONFIG", str(file))
    assert read_settings().port == 8123
