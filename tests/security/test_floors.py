"""No library is older than the version that mended its known flaws.

Source: the advisories of the projects named. A new advisory is a new line here, and a new lock.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]

FLOORS: Mapping[str, tuple[str, str]] = {
    "aiohttp": ("3.14.3", "CVE-2026-69244: reads beyond its buffer; -54273 to -54280, -69243, -59881"),
    "certifi": ("2024.7.4", "CVE-2024-39689: a root that is no longer trusted"),
    "click": ("8.4.2", "PYSEC-2026-2132"),
    "cryptography": ("50.0.0", "CVE-2026-69247: tells how an envelope fails to open; -26007"),
    "fastapi": ("0.109.1", "CVE-2024-24762: a content type takes exponential time"),
    "h11": ("0.16.0", "CVE-2025-43859: request smuggling by chunked bodies"),
    "idna": ("3.7", "CVE-2024-3651: a name takes quadratic time"),
    "jinja2": ("3.1.6", "CVE-2025-27516: the sandbox can be left"),
    "joserfc": ("1.8.0", "CVE-2026-48990, -75509, -102946, -119284: tokens that should be refused"),
    "pydantic-settings": ("2.14.2", "GHSA-4xgf-cpjx-pc3j"),
    "pyjwt": ("2.13.0", "CVE-2026-48523: tokens that should be refused"),
    "python-multipart": (
        "0.0.31",
        "CVE-2026-53540, -53539, -53538, -42561: a form takes the whole processor",
    ),
    "pyyaml": ("5.4", "CVE-2020-14343: the full loader runs code"),
    "starlette": ("1.3.1", "CVE-2026-54283: limits of forms are not kept; -54282, -48710, CVE-2025-62727"),
    "uvicorn": ("0.11.7", "CVE-2020-7695: headers can be split"),
}
"""Library -> the first version without the flaw, and the flaw. Not each one is installed."""

BANNED: Mapping[str, str] = {
    "pycrypto": "abandoned, CVE-2018-6594",
    "python-jose": "CVE-2024-33663 and a long time without upkeep",
    "pymerkle": "its licence is not ours",
}


def locked() -> dict[str, str]:
    """Library -> the version of requirements.lock."""
    pins = re.findall(
        r"^([a-z0-9-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.M
    )
    return dict(pins)


def installed() -> dict[str, str]:
    """Library -> the version in this environment."""
    return {
        each.metadata["Name"].lower().replace("_", "-"): each.version for each in metadata.distributions()
    }


def stated() -> dict[str, str]:
    """Library -> the least version that pyproject.toml takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    words = [
        *project["dependencies"],
        *(word for extra in project["optional-dependencies"].values() for word in extra),
    ]
    found = {}
    for requirement in map(Requirement, words):
        least = [each.version for each in requirement.specifier if each.operator in (">=", "==")]
        found[requirement.name.lower()] = least[0] if least else "0"
    return found


def below(versions: Mapping[str, str]) -> list[str]:
    """Those that are below their floor, with the flaw."""
    return [
        f"{name} {versions[name]} < {floor}: {flaw}"
        for name, (floor, flaw) in FLOORS.items()
        if name in versions and Version(versions[name]) < Version(floor)
    ]


def test_what_is_installed_is_not_below_its_floor() -> None:
    assert "starlette" in installed()
    assert below(installed()) == []


def test_what_is_locked_is_not_below_its_floor() -> None:
    assert "starlette" in locked()
    assert below(locked()) == []


def test_what_is_stated_is_not_below_its_floor() -> None:
    assert "starlette" in stated()
    assert below(stated()) == []


def test_no_library_is_used_that_should_not_be() -> None:
    assert [f"{name}: {why}" for name, why in BANNED.items() if name in locked() | installed()] == []


@pytest.mark.parametrize("name", FLOORS)
def test_control_an_older_version_is_found(name: str) -> None:
    assert below({name: "0.0.1"})
    assert below({name: FLOORS[name][0]}) == []
