"""What the code never does, told from its syntax trees: no linter sees all of it, and some may be silenced.

Each rule has a piece of code that breaks it, so that a rule which sees nothing is found.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeAlias

import jsonschema_rs
import pytest

pytestmark = pytest.mark.xdist_group("test_code")  # one process reads all the modules

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "onenet"

Rule: TypeAlias = Callable[[ast.Module], Iterator[tuple[int, str]]]
"""The lines of a module that break it, and what stands there."""


def name_of(node: ast.expr) -> str:
    """`a.b.c` of an expression; empty for any other."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=owner, attr=name):
            return f"{name_of(owner)}.{name}"
        case _:
            return ""


@cache
def nodes(tree: ast.AST) -> list[ast.AST]:
    """All that it is made of, walked through once for all the rules."""
    return list(ast.walk(tree))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in nodes(tree) if isinstance(node, ast.Call))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every module that is imported, and every name out of it."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{each.name}") for each in node.names)


def imports(*modules: str) -> Rule:
    """No such module is imported."""

    def rule(tree: ast.Module) -> Iterator[tuple[int, str]]:
        for line, name in imported(tree):
            if any(f"{name}.".startswith(f"{module}.") for module in modules):
                yield line, name

    return rule


def calls_to(*names: str) -> Rule:
    """No such function is called; `.x` is a method of anything."""

    def rule(tree: ast.Module) -> Iterator[tuple[int, str]]:
        for call in calls(tree):
            name = name_of(call.func)
            if name in names or f".{name.rpartition('.')[2]}" in names:
                yield call.lineno, name

    return rule


def is_written_down(text: ast.expr) -> bool:
    """A constant, or a name in capitals, which is one."""
    return isinstance(text, ast.Constant) or name_of(text).rpartition(".")[2].lstrip("_").isupper()


def makes_sql(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Text for the database is made of something."""
    names = {"sqlalchemy.text"} | {"text" for _, name in imported(tree) if name == "sqlalchemy.text"}
    for call in calls(tree):
        name = name_of(call.func)
        is_sql = name in names or name.endswith(".exec_driver_sql")
        if is_sql and call.args and not is_written_down(call.args[0]):
            yield call.lineno, ast.unparse(call.args[0])


def makes_patterns(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """A regular expression is made while a request is served, of something."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    functions = (node for node in nodes(tree) if isinstance(node, kinds))
    for call in (call for function in functions for call in calls(function)):
        is_pattern = re.fullmatch(
            r"re\.(compile|\w*match|search|sub|split|findall|finditer)", name_of(call.func)
        )
        if is_pattern and not is_written_down(call.args[0]):
            yield call.lineno, ast.unparse(call.args[0])


def loads_yaml(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """YAML makes no objects: only its safe loaders, and what derives from them, are named."""
    for node in nodes(tree):
        name = name_of(node) if isinstance(node, ast.Attribute) else ""
        if name.startswith("yaml.") and re.search(
            r"\.(load|load_all|unsafe_\w+|full_\w+|(C|Full|Unsafe|)Loader)$", name
        ):
            yield node.lineno, name  # type: ignore[attr-defined]  # an attribute has a line


RULES: Mapping[str, tuple[Rule, str, frozenset[str]]] = {
    "no code is made of text": (
        calls_to("eval", "exec", "compile", "__import__"), "eval(x)", frozenset(),
    ),
    "no object is made of bytes": (
        imports("pickle", "marshal", "shelve", "dill", "cloudpickle"), "import pickle", frozenset(),
    ),
    "YAML is loaded safely": (
        loads_yaml, "yaml.load(x, yaml.Loader)", frozenset(),
    ),
    "no command is run": (
        calls_to(".create_subprocess_exec", ".create_subprocess_shell", "os.system", "os.popen"),
        "os.system(x)",
        frozenset({
            "cli/restarting.py",  # what a developer's own command line says restarts their own system
            "demo/processes.py",  # the demonstration city's own processes
        }),
    ),
    "no process is started": (
        imports("subprocess", "pty", "multiprocessing"), "from subprocess import run", frozenset(),
    ),
    "no XML is parsed": (
        imports("xml", "lxml", "defusedxml", "xmlrpc"), "import xml.etree.ElementTree",
        frozenset({
            "adapters/xml_body.py",  # a document type is refused before any of it is read
            "domain/files/ofd.py",  # what has a declaration of types or entities is refused before
        }),
    ),
    "encryption is authenticated": (
        calls_to(".ECB", ".CBC", ".CTR", ".CFB", ".OFB", ".XTS", ".ARC4", ".TripleDES", ".PKCS1v15"),
        "Cipher(AES(key), modes.CBC(x))", frozenset(),
    ),
    "statements are written down": (
        makes_sql, "from sqlalchemy import text; text(f'SELECT {x}')",
        frozenset({
            "services/doctor.py",  # PRAGMA and SHOW of names that stand in it
            "store/bulk.py",  # names of our own tables and columns
            "store/cluster.py",  # the same
            "store/database.py",  # BEGIN, one of two
            "store/durability.py",  # one of two questions
            "store/migrating.py",  # a number of ours
            "store/queue.py",  # names of our own columns
        }),
    ),
    "patterns are written down": (
        makes_patterns, "def f(x): re.compile(x)", frozenset(),
    ),
    "templates are files": (
        calls_to(".from_string", "jinja2.Template", "Template"), "env.from_string(x)", frozenset(),
    ),
    "messages have our own forms": (
        calls_to(".format_map", ".vformat"), "x.format_map(y)",
        frozenset({"api/faults.py"}),  # a table of ours, filled with what a model demands
    ),
    "no weak hash": (
        calls_to("hashlib.md5", "hashlib.sha1", "hashlib.new", "md5", "sha1"), "hashlib.md5(x)", frozenset(),
    ),
    "secrets come from the system": (
        imports("random"), "import random",
        frozenset({  # spreads work and waits; nothing here is secret
            "quotas.py", "services/advance.py", "services/erasure.py", "services/pull.py",
            "services/reconciler.py", "store/queue.py", "worker.py",
        }),
    ),
    "certificates are checked": (
        calls_to("ssl._create_unverified_context", ".set_ciphers", "ssl.wrap_socket"),
        "ssl._create_unverified_context()", frozenset(),
    ),
}  # fmt: skip
"""Rule -> how it is seen, code that breaks it, and the modules that may, each with its reason beside it."""

MODULES = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


@pytest.mark.parametrize("rule", RULES)
def test_no_module_breaks_a_rule(rule: str, trees: dict[str, ast.Module]) -> None:
    broken, _, allowed = RULES[rule]
    assert [
        f"{name}:{line}: {what}"
        for name, tree in trees.items()
        if name not in allowed
        for line, what in broken(tree)
    ] == []


def test_an_exception_is_made_only_where_it_is_needed(trees: dict[str, ast.Module]) -> None:
    assert [
        f"{rule}: {name}"
        for rule, (broken, _, allowed) in RULES.items()
        for name in sorted(allowed)
        if name not in trees or not list(broken(trees[name]))
    ] == []


@pytest.mark.parametrize("rule", RULES)
def test_control_each_rule_sees_what_breaks_it(rule: str) -> None:
    broken, code, _ = RULES[rule]
    assert list(broken(ast.parse(code)))


def test_a_pattern_of_the_catalogue_takes_linear_time() -> None:
    """The engine of the catalogue's patterns: two repetitions in one take no longer than one."""
    schema = {"type": "string", "pattern": "^(a+)+$"}
    validator = jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions())
    started = time.process_time()
    assert not validator.is_valid("a" * 50_000 + "b")
    assert time.process_time() - started < 1  # a backtracking engine would need longer than the sun shines
