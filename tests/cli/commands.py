"""The `onenet` script, in a process of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.forking import Forked
from tests.keys import KEK
from tests.outward import NETWORKS

LIMIT_S = 60


def run(url: str, *words: str, **more: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ONENET_")}
    settings = {"ONENET_DATABASE_URL": url, "ONENET_KEK": KEK, "ONENET_INNER_NETWORKS": NETWORKS, **more}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = Forked(("-m", "onenet", *words), plain | settings, out, err)
        try:
            status = process.wait(LIMIT_S)
        finally:
            process.kill()
        return status, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
