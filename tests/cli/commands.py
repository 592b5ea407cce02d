"""The `onenet` script, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.keys import KEK
from tests.outward import NETWORKS


def run(url: str, *words: str, **more: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    command = (sys.executable, "-c", "from onenet.cli import main; main()", *words)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ONENET_")}
    done = subprocess.run(
        command,
        check=False,
        env={
            **plain,
            "ONENET_DATABASE_URL": url,
            "ONENET_KEK": KEK,
            "ONENET_INNER_NETWORKS": NETWORKS,
            **more,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr
