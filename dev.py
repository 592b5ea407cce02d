#!/usr/bin/env python3
"""Everything a contributor runs, with nothing but Python and pip on the machine.

python3 dev.py demo      run the demonstration city     (further words go to `onenet demo`)
python3 dev.py test      run the tests                  (further words go to pytest; --flags-off first: with
                         every optional feature of the engines off)
python3 dev.py faults    do to a running city what can go wrong  (F3 or frozen for one, --long, --seed N)
python3 dev.py fuzz      Schemathesis against a running server, at length
python3 dev.py month     let ten thousand cases live a month: deadlines, lights, figures, against the record
python3 dev.py bench     measure, each figure beside its yardstick  ([NAME ...] [--json FILE] [--runs N])
python3 dev.py siege     attack a running server, and look how good requests fare (Linux, two minutes)
python3 dev.py check     lint, types, import direction, API contract, house rules
python3 dev.py openapi   write openapi/openapi.json from the code
python3 dev.py truth-table  write openapi/truth-table.csv: who is answered what on every route
python3 dev.py asvs      write the table of docs/security.md from docs/asvs.yaml
python3 dev.py moves     write the table of docs/frontend.md from the moves of the code
python3 dev.py lock      write requirements.lock anew   (further words go to uv, as --upgrade)
python3 dev.py sbom      write sbom.cdx.json: what a production environment holds, as CycloneDX

Each verb first makes `.venv`, when it is missing or when the locked packages have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
CONTRACT = ROOT / "openapi" / "openapi.json"
FAULTS = ROOT / "tests" / "faults"
SBOM = ROOT / "sbom.cdx.json"
VENV = ROOT / ".venv"
STAMP = VENV / "onenet.stamp"
PEERS = ROOT / "bench" / "requirements.txt"
PEERS_VENV = ROOT / ".venv-bench"
BIN_NAME = "Scripts" if os.name == "nt" else "bin"
BIN = VENV / BIN_NAME

SECURITY_RULES = [f"tests/security/test_{name}.py" for name in ("asvs", "code", "floors")]

UV_COMPILE = (
    "pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes"
    " --no-header --no-annotate --no-emit-index-url --quiet --output-file"
)


def main(words: list[str]) -> NoReturn:
    if sys.version_info < (3, 11):
        sys.exit("onenet needs Python 3.11 or newer")
    if not words or words[0] not in VERBS:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    leave_own_environment()
    os.chdir(ROOT)
    # Where it is set, hundreds of processes of a test run compile this tree anew, each for 0.2 s and more.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    set_up()
    os.environ["PATH"] = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    VERBS[words[0]](words[1:])
    sys.exit(0)


# Verbs


def demo(words: list[str]) -> None:
    become(BIN / "onenet", "demo", *words)


def test(words: list[str]) -> None:
    if words[:1] == ["--flags-off"]:
        os.environ["FLAGS_OFF"] = "1"
        words = words[1:]
    become(BIN / "python", "-m", "pytest", "-n", "3", "--dist", "loadgroup", *words)


def faults(words: list[str]) -> None:
    """The scenarios of tests/faults, which `test` also runs; by name, and in their long form if wished."""
    parser = argparse.ArgumentParser(prog="dev.py faults", epilog=f"scenarios: {', '.join(scenarios())}")
    parser.add_argument("names", nargs="*", metavar="NAME", help="F3, f03 or a word; default: all of them")
    parser.add_argument("--long", action="store_true", help="as often as before a release; hours for all")
    parser.add_argument("--seed", type=int, default=0, help="makes the same plan again; default: a new one")
    options = parser.parse_args(words)
    seed = options.seed or secrets.randbelow(2**31) + 1
    files = [file for name in options.names for file in chosen(name) or parser.error(f"no scenario {name}")]
    say(f"seed {seed}")  # first: a run that hangs must be repeatable too
    os.environ |= {"FAULTS_SEED": str(seed), "FAULTS_LONG": str(int(options.long))}
    all_of_them: list[str | Path] = ["-n", "2", "--dist", "loadgroup", "-rP", FAULTS]
    become(BIN / "python", "-m", "pytest", "-q", *(["-s", *files] if files else all_of_them))


def scenarios() -> dict[str, Path]:
    """Scenario -> its file: F3_worker_frozen -> tests/faults/test_f03_worker_frozen.py."""
    found = {}
    for file in sorted(FAULTS.glob("test_f[0-9][0-9]_*.py")):
        number, _, words = file.stem.removeprefix("test_f").partition("_")
        found[f"F{int(number)}_{words}"] = file
    return found


def chosen(name: str) -> list[Path]:
    """The files of the scenarios that a number or a word names."""
    if number := re.fullmatch(r"[fF]0*([0-9]+)", name):
        return [file for known, file in scenarios().items() if known.startswith(f"F{number[1]}_")]
    return [file for known, file in scenarios().items() if name.lower() in known.lower()]


def fuzz(words: list[str]) -> None:
    """At length what `test` does in short; FUZZ_EXAMPLES says how long."""
    os.environ.setdefault("FUZZ_EXAMPLES", "300")
    become(BIN / "python", "-m", "pytest", "-q", "tests/api/test_fuzz.py", *words)


def month(words: list[str]) -> None:
    """A month of ten thousand cases, of which `test` lives a small one; `sqlite` or `postgresql` for one."""
    os.environ.setdefault("MONTH_CASES", "10000")
    os.environ.setdefault("MONTH_TICK_H", "1")
    engines = [word for word in words if word in ("sqlite", "postgresql")]
    chosen = ["-k", " or ".join(engines)] if engines else []
    others = [word for word in words if word not in engines]
    all_of_it = ["-q", "-s", "-n", "0", "--timeout", "7200", "tests/month", *chosen]
    become(BIN / "python", "-m", "pytest", *all_of_it, *others)


def bench(words: list[str]) -> None:
    """The figures of docs/benchmarks.md."""
    names = [word for word in words if re.fullmatch(r"[a-z]+[a-z0-9_.]*", word)]
    if not names or any(name.startswith("engine") for name in names):
        set_up_peers()
    become(BIN / "python", "-m", "bench", *words)


def siege(words: list[str]) -> None:
    """Half-open connections, slow and endless bodies, from the loopback network."""
    become(BIN / "python", "-m", "bench.siege", *words)


def check(words: list[str]) -> None:
    """Run all the checks, side by side, even when one fails: a contributor wants the whole list."""
    if words:
        print("check takes no further words", file=sys.stderr)
        sys.exit(2)
    commands: dict[str, tuple[str | Path, ...]] = {
        "lint": (BIN / "ruff", "check", "--quiet", "."),
        "format": (BIN / "ruff", "format", "--quiet", "--check", "."),
        "types": (BIN / "mypy", "--strict"),
        "import direction": (BIN / "lint-imports",),
        "house rules": (BIN / "python", "-m", "pytest", "-q", "tests/test_architecture.py", *SECURITY_RULES),
        "API contract is exported": (BIN / "onenet", "openapi", "--check"),
        "API contract is valid": (BIN / "openapi-spec-validator", CONTRACT),
    }

    def ended(name: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(commands[name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    failed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(commands, pool.map(ended, commands), strict=True):
            say(f"check: {name}")
            sys.stdout.buffer.write(done.stdout)
            sys.stdout.flush()
            if done.returncode:
                failed.append(name)
    if failed:
        sys.exit(f"check failed: {', '.join(failed)}")
    say("check: all passed")


def openapi(words: list[str]) -> None:
    say(f"writing {CONTRACT.relative_to(ROOT)}")
    text = subprocess.check_output([BIN / "onenet", "openapi", *words])
    CONTRACT.parent.mkdir(exist_ok=True)
    CONTRACT.write_bytes(text)


def truth_table(words: list[str]) -> None:
    become(BIN / "python", "-m", "tests.authorisation.truth_table", *words)


def asvs(words: list[str]) -> None:
    become(BIN / "python", "-m", "tests.security.asvs", *words)


def moves(words: list[str]) -> None:
    become(BIN / "python", "-m", "tests.moves_table", *words)


def lock(words: list[str]) -> None:
    """Resolve for every platform and Python at once; only uv does, so it visits in a folder of its own."""
    say("writing requirements.lock")
    with tempfile.TemporaryDirectory() as folder:
        pip = make_environment(Path(folder))
        run(*pip, "install", "uv")
        run(Path(folder) / BIN_NAME / "uv", *UV_COMPILE.split(), LOCK, *words)
    set_up()


def sbom(words: list[str]) -> None:
    """List what a site installs, without what tests need; the tool for it only visits, as `lock`'s does."""
    if words:
        print("sbom takes no further words", file=sys.stderr)
        sys.exit(2)
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = ",".join(sorted(project["optional-dependencies"].keys() - {"dev"}))
    pins = re.findall(r"^[a-z0-9-]+==[^\\\n]+", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        site, tool, constraints = Path(folder) / "site", Path(folder) / "tool", Path(folder) / "pins.txt"
        constraints.write_text("\n".join(pins), encoding="utf-8")
        say(f"installing onenet[{extras}] with the versions of requirements.lock")
        run(*make_environment(site), "install", "--constraint", constraints, f"{ROOT}[{extras}]")
        say(f"writing {SBOM.name}")
        run(*make_environment(tool), "install", "cyclonedx-bom>=7.5,<8")
        options = ("--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "--output-file", SBOM)
        run(tool / BIN_NAME / "cyclonedx-py", "environment", *options, site / BIN_NAME / "python")


VERBS = {
    "demo": demo,
    "test": test,
    "faults": faults,
    "fuzz": fuzz,
    "month": month,
    "bench": bench,
    "siege": siege,
    "check": check,
    "openapi": openapi,
    "truth-table": truth_table,
    "asvs": asvs,
    "moves": moves,
    "lock": lock,
    "sbom": sbom,
}


# The environment


def leave_own_environment() -> None:
    """Start again outside `.venv`: setting up clears it, and with it the running interpreter."""
    if Path(sys.prefix).resolve() == VENV:
        become(sys._base_executable, __file__, *sys.argv[1:])  # type: ignore[attr-defined]


def set_up() -> None:
    """Make `.venv` from the lock, unless the one that is there was made from the same."""
    wanted = fingerprint()
    if (BIN / "python").exists() and STAMP.is_file() and STAMP.read_text() == wanted:
        return
    started = time.monotonic()
    say(f"making .venv with Python {sys.version.split()[0]}")
    pip = make_environment(VENV)
    say("installing requirements.lock")
    run(*pip, "install", "--require-hashes", "-r", LOCK)
    say("installing onenet, editable")
    run(*pip, "install", "--no-deps", "--no-build-isolation", "-e", ROOT)
    STAMP.write_text(wanted)  # last, so that a broken installation is made again
    say(f".venv is ready after {time.monotonic() - started:.0f} s")


def set_up_peers() -> None:
    """Make an environment for each library that onenet is compared with, as far as it can be had."""
    wanted = [line for line in PEERS.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
    for requirement in wanted:
        folder = PEERS_VENV / re.split(r"[^\w-]", requirement)[0]
        stamp = folder / "onenet.stamp"
        if not (stamp.is_file() and stamp.read_text() == f"{requirement} {folder}\n"):
            say(f"installing {requirement} to be compared with")
            if any(try_install(requirement, folder, python) for python in pythons()):
                stamp.write_text(f"{requirement} {folder}\n")
            else:
                say(f"{requirement} cannot be installed here: it will not be compared with")


def try_install(requirement: str, folder: Path, python: Path) -> bool:
    pip = make_environment(folder, python)
    return subprocess.call([*pip, "install", requirement], stderr=subprocess.DEVNULL) == 0


def pythons() -> list[Path]:
    """This Python, then newer ones on the machine: not every library runs on the oldest that onenet does."""
    newer = [f"python3.{minor}" for minor in range(sys.version_info[1] + 1, sys.version_info[1] + 4)]
    found = [Path(path) for name in newer if (path := shutil.which(name))]
    # Where several versions lie in folders of their own, side by side.
    found += [path for name in newer for path in Path(sys.base_prefix).parent.glob(f"*/bin/{name}")]
    return [Path(sys.executable), *(path for path in found if runs(path))]


def runs(python: Path) -> bool:
    """Whether it is there: a launcher may stand in for a version that is not installed."""
    return subprocess.call([python, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def fingerprint() -> str:
    """What `.venv` depends on; its place is part of it, as an environment cannot be moved."""
    import tomllib

    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = [pyproject["build-system"], pyproject["project"], pyproject["tool"]["hatch"]]
    digest = hashlib.sha256(json.dumps(installed).encode() + LOCK.read_bytes())
    return f"{digest.hexdigest()} python{sys.version_info[0]}.{sys.version_info[1]} {ROOT}\n"


def make_environment(folder: Path, base: str | Path = sys.executable) -> list[str | Path]:
    """Make an empty environment; answer the command that drives pip for it.

    The environment holds no pip of its own: Debian's Python cannot put one there without a further package.
    """
    has_pip = importlib.util.find_spec("pip") is not None
    if not has_pip and importlib.util.find_spec("ensurepip") is None:
        sys.exit("pip is missing: install it (on Debian the package python3-pip), then run this again")
    run(base, "-m", "venv", "--clear", "--without-pip", folder)
    python = folder / BIN_NAME / "python"
    options = ("--quiet", "--no-input", "--disable-pip-version-check")
    if has_pip:
        return [sys.executable, "-m", "pip", "--python", python, *options]
    run(python, "-m", "ensurepip")
    return [python, "-m", "pip", *options]


# Processes


def run(*command: str | Path) -> None:
    code = subprocess.call(command)
    if code:
        sys.exit(f"failed with exit status {code}: {' '.join(map(str, command))}")


def become(*command: str | Path) -> NoReturn:
    """Hand the terminal over, so that Ctrl-C and the exit status are the command's own."""
    sys.stdout.flush()
    if os.name == "nt":
        sys.exit(subprocess.call(command))
    os.execv(command[0], [str(word) for word in command])


def say(phase: str) -> None:
    print(f"dev.py: {phase}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
