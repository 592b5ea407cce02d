"""Our expressions against Google's CEL: what both take means the same, with answers present or missing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onenet.domain.expression import Unknown, evaluate, parse

cel = pytest.importorskip("cel_expr_python.cel", reason="cel-expr-python is not built for this platform")

ANSWERS = st.fixed_dictionaries(
    {
        "a": st.booleans(),
        "b": st.booleans(),
        "n": st.integers(-3, 3),
        "m": st.integers(-3, 3),
        "s": st.sampled_from(["x", "y", "2026-01-31"]),
        "c": st.lists(st.sampled_from(["x", "y", "z"]), unique=True),
    }
)

numbers = st.one_of(st.sampled_from(["n", "m"]), st.integers(-3, 3).map(str), st.just("size(c)"))
texts = st.one_of(st.just("s"), st.sampled_from(['"x"', "'y'", '"2026-01-31"']))
lists = st.lists(st.sampled_from(['"x"', '"y"']), min_size=1).map(lambda items: f"[{', '.join(items)}]")
orders = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])

atoms = st.one_of(
    st.sampled_from(["a", "b", "true", "false"]),
    st.tuples(numbers, orders, numbers).map(" ".join),
    st.tuples(texts, orders, texts).map(" ".join),
    st.tuples(texts, st.just("in"), st.one_of(st.just("c"), lists)).map(" ".join),
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map("!({})".format),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: " && ".join(f"({p})" for p in parts)),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: " || ".join(f"({p})" for p in parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " || a && ".join(f"({p})" for p in parts)),
    ),
    max_leaves=8,
).filter(lambda source: len(source) <= 1_000)


@pytest.fixture(scope="module")
def env() -> Any:
    types = dict.fromkeys("ab", cel.Type.BOOL) | dict.fromkeys("nm", cel.Type.INT)
    return cel.NewEnv(variables={**types, "s": cel.Type.STRING, "c": cel.Type.List(cel.Type.STRING)})


def by_cel(env: Any, source: str, answers: dict[str, Any]) -> bool:
    value: bool = env.compile(source).eval(data=answers).value()
    return value


@settings(max_examples=500, deadline=None)
@given(source=expressions, answers=ANSWERS)
def test_what_both_take_means_the_same(env: Any, source: str, answers: dict[str, Any]) -> None:
    assert evaluate(parse(source), answers) is by_cel(env, source, answers)


@settings(max_examples=300, deadline=None)
@given(source=expressions, answers=ANSWERS, data=st.data())
def test_a_verdict_on_some_answers_stands_whatever_the_others_are(
    env: Any, source: str, answers: dict[str, Any], data: st.DataObject
) -> None:
    given_codes = data.draw(st.sets(st.sampled_from(sorted(answers))))
    verdict = evaluate(parse(source), {code: answers[code] for code in given_codes})
    if isinstance(verdict, Unknown):
        assert verdict.missing
        assert not verdict.missing & given_codes
    else:
        assert verdict is by_cel(env, source, answers)
