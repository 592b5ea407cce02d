"""Which process of a test run gets which test: those of a module that shares a costly set-up stay together.

pytest-xdist 3.8 does that by itself for `xdist_group` marks, but not with pytest 9.2, where it silently deals
such tests out one by one (its issue 1386). A module that is marked is a group here.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it ships no types


class ByModule(LoadScopeScheduling):  # type: ignore[misc]  # so its class is Any
    """Deals out single tests, but all of a marked module at once."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if _is_marked(self.config.rootpath / module) else nodeid


@functools.cache
def _is_marked(module: Path) -> bool:
    return "mark.xdist_group(" in module.read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule | None:
    """How `--dist loadgroup` is done."""
    return ByModule(config, log) if config.getoption("dist") == "loadgroup" else None
