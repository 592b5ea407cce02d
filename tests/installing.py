"""What a test needs beside Python, made once and kept in the cache of pytest."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

LIMIT_S = 60


def kept(source: Path, config: pytest.Config) -> Path:
    """A folder in the cache of pytest for what is made of this file as it is now."""
    return config.cache.mkdir(f"{source.stem}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}")


def installed_by_npm(locked: Path, config: pytest.Config) -> Path:
    """A folder with the packages that the lock file in `locked` names. Skips where they cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = kept(locked / "package-lock.json", config)
    if (folder / "installed").exists():
        return folder
    for name in ("package.json", "package-lock.json"):
        shutil.copy(locked / name, folder)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"npm cannot install the packages of {locked.name} here")
    (folder / "installed").touch()
    return folder
