"""Shows one history: `python -m tests.simulation SEED [MUTANT]`."""

from __future__ import annotations

import sys

from tests.simulation.mutants import HONEST, MUTANTS
from tests.simulation.world import stage

by_name = {mutant.name: mutant for mutant in (HONEST, *MUTANTS)}
seed, name = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else HONEST.name
with stage() as opened:
    history = opened.run(seed, by_name[name])
sys.stdout.write("\n".join([*history.lines, *history.violations, f"seed {seed}: {history.digest}"]) + "\n")
sys.exit(1 if history.violations else 0)
