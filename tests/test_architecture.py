"""House rules that no linter knows. Each one lists the places that break it, so that a failure names them."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "onenet"
MODULES = sorted(SOURCE.rglob("*.py"))

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_POSITIONAL = 5

# Written in pieces: this file is searched as well.
FOREIGN_WORDS = [
    "/" + "work/",
    "/" + "root/",
    "/" + "home/",
    "/" + "opt/wheels",
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "npm" + "js.com",
    "npm" + "mirror.com",
    "deb" + ".debian.org",
]


def place(path: Path, line: int, what: str) -> str:
    return f"{path.relative_to(ROOT)}:{line}: {what}"


def matches(pattern: str, *, outside: tuple[str, ...] = ()) -> list[str]:
    """Code lines of the package that match, save in the modules named (paths below `src/onenet`)."""
    return [
        place(path, number, line.strip())
        for path in MODULES
        if path.relative_to(SOURCE).as_posix() not in outside
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line.partition("#")[0])
    ]


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, less the docstring: explaining a function must not make it too long."""
    docstring = node.body[0] if ast.get_docstring(node) is not None else None
    explained = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
    return (node.end_lineno or node.lineno) - node.lineno + 1 - explained


def repository_files() -> list[Path]:
    """What is committed or about to be. Outside a Git checkout: the package and this folder."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return [path for folder in (SOURCE, ROOT / "tests") for path in folder.rglob("*.py")]
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_module_is_longer_than_400_lines() -> None:
    """A longer file holds two ideas, and nobody reads it from top to bottom."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert [place(p, n, "lines") for p, n in lengths.items() if n > MAX_MODULE_LINES] == []


def test_no_function_is_longer_than_40_lines() -> None:
    """A function that does not fit on a screen gathers, decides and saves all at once."""
    assert [
        place(path, node.lineno, f"{node.name} has {code_lines(node)} lines")
        for path, node in functions()
        if code_lines(node) > MAX_FUNCTION_LINES
    ] == []


def test_no_function_takes_more_than_five_positional_parameters() -> None:
    """At the sixth a caller mixes up two of them; keyword-only ones cannot be mixed up."""
    assert [
        place(path, node.lineno, f"{node.name} takes {len(positional)}")
        for path, node in functions()
        for positional in [
            [a for a in node.args.posonlyargs + node.args.args if a.arg not in ("self", "cls")]
        ]
        if len(positional) > MAX_POSITIONAL
    ] == []


def test_only_the_database_module_commits() -> None:
    """A commit anywhere else splits a use case: a crash in between leaves half of it stored."""
    assert matches(r"\.commit\(", outside=("store/database.py",)) == []


def test_only_the_clock_knows_the_time() -> None:
    """Legal limits are tested by moving the clock; code that asks the system itself escapes from that."""
    readers = r"\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(|\btime\.time(_ns)?\("
    assert matches(readers, outside=("clock.py",)) == []


def test_httpx2_is_the_one_http_client() -> None:
    """httpx is no longer maintained, and a double for one of the two lets the other reach the network."""
    assert matches(r"^\s*(import|from) httpx\b") == []


def test_the_tables_can_be_spread_over_a_cluster_by_lane() -> None:
    """What is unique or looked for without the lane needs a look at every node for each row."""
    from onenet.store import distribution, tables

    assert [str(broken) for broken in distribution.broken_rules(tables.metadata)] == []


def test_no_statement_is_recursive() -> None:
    """Across shards it fails; the graph of a case is walked in Python, on a case that was loaded whole."""
    assert matches(r"recursive\s*=\s*True|WITH RECURSIVE") == []


def test_no_trigger_and_no_advisory_lock_is_needed() -> None:
    """A cluster has neither, nor has a pooler the latter."""
    assert matches(r"CREATE\b.*\bTRIGGER|pg_(try_)?advisory") == []


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    """Such a word ties every site to one server, or fails on every machine but one."""
    found = []
    for path in repository_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [
            place(path, 1 + text[: text.index(word)].count("\n"), word)
            for word in FOREIGN_WORDS
            if word in text
        ]
    assert found == []


def test_the_lock_holds_pins_and_hashes_and_nothing_else() -> None:
    """An address or an option in the lock would decide for every site where its packages come from."""
    pin = re.compile(r"[a-z0-9-]+==[\w.]+( ; [^#]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not pin.fullmatch(line)] == []
