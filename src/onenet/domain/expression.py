"""Expressions over answers: a small part of CEL, in three-valued logic.

    literals     true  false  12  -3  "text"  'text'  ["a", "b"]
    answers      their question's code
    operators    ==  !=  <  <=  >  >=  in  &&  ||  !  ( )  size(x)

An expression that CEL takes too means the same there. Left out on purpose: arithmetic, calls, macros, escapes
in strings and chained comparisons. A date is its ISO text, so `born_on < "2026-01-01"` compares two dates.
What lives here: reading and evaluating. Types of answers are checked by `onenet.domain.expression_types`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NoReturn

MAX_LENGTH = 1_000
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

RESERVED = frozenset(
    {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"}
    | {"import", "let", "loop", "package", "namespace", "return", "var", "void", "while", "size"}
)
"""Words that CEL keeps for itself; no question can be called so."""

_TOKEN = re.compile(
    r"""[ \t\r\n]+
    | (?P<integer>-?[0-9]+)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<text>"[^"\\\r\n]*" | '[^'\\\r\n]*')
    | (?P<operator>==|!=|<=|>=|&&|\|\||[<>!()\[\],])""",
    re.VERBOSE,
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "in": lambda left, right: left in right,
}
_HINTS = {"=": "write == to compare", "&": "write &&", "|": "write ||", "\\": "strings take no escapes"}
_WORD_HINTS = {"and": "&&", "or": "||", "not": "!", "True": "true", "False": "false"}


class ExpressionError(ValueError):
    """An expression that cannot be used; `column` counts characters from 1."""

    def __init__(self, message: str, column: int):
        super().__init__(message)
        self.message = message
        self.column = column


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither true nor false yet: it depends on the answers in `missing`."""

    missing: frozenset[str]

    def __bool__(self) -> NoReturn:
        # `if evaluate(...)` would take "not answered yet" for yes.
        raise TypeError("an unknown is neither true nor false; compare with `is True`")


@dataclass(frozen=True, slots=True)
class Value:
    """A literal."""

    value: bool | int | str
    column: int


@dataclass(frozen=True, slots=True)
class Name:
    """The answer to the question of that code."""

    code: str
    column: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of literals; never empty."""

    items: tuple[Value, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Size:
    """The number of entries of a list."""

    operand: Node
    column: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    operand: Node
    column: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and the operator between them; `column` is the operator's."""

    operator: str
    left: Node
    right: Node
    column: int


@dataclass(frozen=True, slots=True)
class Junction:
    """Operands joined by `&&`, which any false one decides, or by `||`, which any true one decides."""

    operands: tuple[Node, ...]
    decided_by: bool
    column: int


Node = Value | Name | Listing | Size | Not | Comparison | Junction


@dataclass(frozen=True, slots=True)
class Expression:
    """A well-formed expression; `names` are the codes of the questions that it is about."""

    source: str
    root: Node
    names: frozenset[str]


@lru_cache(maxsize=4096)
def parse(source: str) -> Expression:
    """The expression in a text of at most 1,000 characters. Raises: ExpressionError."""
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"an expression has at most {MAX_LENGTH} characters", MAX_LENGTH + 1)
    parser = _Parser(source)
    root = parser.whole()
    return Expression(source, root, frozenset(node.code for node in walk(root) if isinstance(node, Name)))


def evaluate(expression: Expression, answers: Mapping[str, Any]) -> bool | Unknown:
    """True, false, or Unknown with the answers that it still depends on.

    `answers` must be of the declared types (`questions.check_answers`). `&&` and `||` look at all their
    operands: false && unknown is false, true || unknown is true. Source: the CEL language definition.
    """
    verdict: bool | Unknown = _value(expression.root, answers)
    return verdict


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    match node:
        case Listing():
            yield from node.items
        case Size() | Not():
            yield from walk(node.operand)
        case Comparison():
            yield from walk(node.left)
            yield from walk(node.right)
        case Junction():
            for operand in node.operands:
                yield from walk(operand)
        case Value() | Name():
            pass


def _value(node: Node, answers: Mapping[str, Any]) -> Any:
    match node:
        case Value():
            return node.value
        case Name():
            return answers[node.code] if node.code in answers else Unknown(frozenset({node.code}))
        case Listing():
            return [item.value for item in node.items]
        case Size():
            value = _value(node.operand, answers)
            return value if isinstance(value, Unknown) else len(value)
        case Not():
            value = _value(node.operand, answers)
            return value if isinstance(value, Unknown) else not value
        case Comparison():
            left, right = _value(node.left, answers), _value(node.right, answers)
            missing = _missing(left) | _missing(right)
            return Unknown(missing) if missing else _COMPARE[node.operator](left, right)
        case Junction():
            return _join(node, answers)


def _join(node: Junction, answers: Mapping[str, Any]) -> bool | Unknown:
    missing: frozenset[str] = frozenset()
    for operand in node.operands:
        value = _value(operand, answers)
        if value == node.decided_by:
            return node.decided_by
        missing |= _missing(value)
    return Unknown(missing) if missing else not node.decided_by


def _missing(value: Any) -> frozenset[str]:
    return value.missing if isinstance(value, Unknown) else frozenset()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def _tokens(source: str) -> Iterator[_Token]:
    position = 0
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None:
            character = source[position]
            hint = "the string does not end" if character in "\"'" else _HINTS.get(character)
            raise ExpressionError(hint or f"unexpected character {character!r}", position + 1)
        if found.lastgroup is not None:
            yield _Token(found.lastgroup, found.group(), position + 1)
        position = found.end()
    yield _Token("end", "", len(source) + 1)


class _Parser:
    """Recursive descent: or, and, comparison, unary, primary. `depth` counts open parentheses and `!`."""

    def __init__(self, source: str):
        self._tokens = list(_tokens(source))
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._junction("||")
        if self._token.kind != "end":
            raise self._fault("&&, || or the end", self._token)
        return node

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        self._next += 1
        return token

    def _accept(self, *texts: str) -> _Token | None:
        token = self._token
        return self._take() if token.kind in ("operator", "name") and token.text in texts else None

    def _expect(self, text: str) -> None:
        if self._accept(text) is None:
            raise self._fault(text, self._token)

    def _fault(self, expected: str, token: _Token) -> ExpressionError:
        found = "the expression ends" if token.kind == "end" else f"found {token.text}"
        hint = f"; write {_WORD_HINTS[token.text]}" if token.text in _WORD_HINTS else ""
        return ExpressionError(f"expected {expected}, but {found}{hint}", token.column)

    def _junction(self, operator: str) -> Node:
        column = self._token.column
        operands = []
        while True:
            operands.append(self._junction("&&") if operator == "||" else self._comparison())
            if self._accept(operator) is None:
                break
        return operands[0] if len(operands) == 1 else Junction(tuple(operands), operator == "||", column)

    def _comparison(self) -> Node:
        left = self._unary()
        operator = self._accept(*_COMPARE)
        if operator is None:
            return left
        right = self._unary()
        chained = self._accept(*_COMPARE)
        if chained is not None:
            raise ExpressionError("comparisons cannot be chained; join them with &&", chained.column)
        return Comparison(operator.text, left, right, operator.column)

    def _unary(self) -> Node:
        token = self._accept("!")
        if token is None:
            return self._primary()
        self._enter(token)
        node = Not(self._unary(), token.column)
        self._depth -= 1
        return node

    def _primary(self) -> Node:
        token = self._token
        if self._accept("("):
            return self._nested(token)
        if self._accept("["):
            return self._listing(token)
        if self._accept("size"):
            opening = self._token
            self._expect("(")
            return Size(self._nested(opening), token.column)
        if token.kind == "name" and token.text not in RESERVED and token.text not in _WORD_HINTS:
            return Name(self._take().text, token.column)
        return self._literal()

    def _nested(self, opening: _Token) -> Node:
        self._enter(opening)
        node = self._junction("||")
        self._expect(")")
        self._depth -= 1
        return node

    def _enter(self, token: _Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep", token.column)

    def _listing(self, opening: _Token) -> Listing:
        items = [self._literal()]
        while self._accept(","):
            items.append(self._literal())
        self._expect("]")
        return Listing(tuple(items), opening.column)

    def _literal(self) -> Value:
        token = self._take()
        if token.kind == "text":
            return Value(token.text[1:-1], token.column)
        if token.kind == "integer":
            if abs(int(token.text)) > MAX_INTEGER:
                raise ExpressionError("integers lie within ±(2^53 - 1)", token.column)
            return Value(int(token.text), token.column)
        if token.text in ("true", "false"):
            return Value(token.text == "true", token.column)
        raise self._fault("an answer's code or a literal", token)
