"""From a checked catalogue to what is published: jurisdictions, departments, self-contained bundles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, cast

from onenet.catalogue import model, texts
from onenet.catalogue.load import Catalogue, Entry, first_of
from onenet.domain import bundle as domain
from onenet.domain.subjects import Subjects


def build_bundle(catalogue: Catalogue, shape: model.Bundle) -> domain.Bundle:
    """The bundle with all it refers to, as version 0. Raises: KeyError for a reference that leads nowhere."""
    items = first_of(catalogue.items)
    all_materials = first_of(catalogue.materials)
    members = in_order(
        [_member(m, items[m.item].shape, all_materials, shape.if_failed) for m in shape.members]
    )
    materials = {
        code: _material(all_materials[code].shape) for member in members for code in member.materials
    }
    sources = [material.asks.source for material in materials.values() if material.asks is not None]
    fields = [code for member in members for code in (*member.fields, *(w.from_field for w in member.waits))]
    departments = [shape.lead, *(member.department for member in members)]
    all_fields, all_sources = first_of(catalogue.fields), first_of(catalogue.sources)
    all_departments = first_of(catalogue.departments)
    return domain.Bundle(
        code=shape.code,
        version=0,
        names=shape.names.model_dump(),
        audience=tuple(shape.audience),
        lead=shape.lead,
        jurisdictions=tuple(shape.jurisdictions),
        promised=_limit(shape.promised),
        statutory=_limit(shape.statutory),
        questions=tuple(build_question(question) for question in shape.questions),
        members=tuple(members),
        materials=materials,
        fields={code: _field(all_fields[code].shape) for code in fields},
        departments={code: build_department(all_departments[code].shape) for code in departments},
        sources={code: _source(all_sources[code].shape) for code in sources},
        duplicates=shape.duplicates,
        fees=shape.fees.model_dump() if shape.fees else None,
        reform=_reform(shape.reform),
        provenance=shape.provenance,
        partial_withdrawal=shape.partial_withdrawal,
        subjects=_subjects(shape.subjects),
    )


def build_department(shape: model.Department) -> domain.Department:
    """The department as the engine sees it."""
    return domain.Department(shape.code, shape.names.model_dump(), shape.kind)


def build_jurisdiction(shape: model.Jurisdiction) -> domain.Jurisdiction:
    """The jurisdiction as the engine sees it."""
    rules = shape.rules.model_dump(exclude_unset=True, exclude_none=True)
    return domain.Jurisdiction(**shape.model_dump(exclude={"rules"}), rules=rules)


def content(bundle: domain.Bundle) -> dict[str, Any]:
    """The bundle as plain JSON without its version; `domain.bundle.read_bundle` reads it."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(bundle)))
    del plain["version"]
    return plain


def content_text(bundle: domain.Bundle) -> str:
    """The text that is stored of a version. It keeps the order of fields, which is the order of the form."""
    return json.dumps(content(bundle), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def fingerprint(bundle: domain.Bundle) -> str:
    """SHA-256 of the stored text, in hexadecimal: equal for bundles that differ in nothing but version."""
    return hashlib.sha256(content_text(bundle).encode()).hexdigest()


def in_order(members: Sequence[domain.Member]) -> list[domain.Member]:
    """Each member behind all it comes after, else in the given order. Raises: KeyError when there is none."""
    ordered: list[domain.Member] = []
    placed: set[str] = set()
    waiting = list(members)
    while waiting:
        member = next((m for m in waiting if placed.issuperset(m.after)), None)
        if member is None:
            raise KeyError(waiting[0].code)
        waiting.remove(member)
        ordered.append(member)
        placed.add(member.code)
    return ordered


def _member(
    shape: model.Member,
    item: model.Item,
    materials: Mapping[str, Entry[model.Material]],
    if_failed: domain.EdgePolicy,
) -> domain.Member:
    return domain.Member(
        code=shape.name,
        item=shape.item,
        names=item.names.model_dump(),
        department=item.department,
        item_type=item.item_type,
        promised=_limit(item.promised),
        statutory=_limit(item.statutory),
        results=tuple(domain.Result(result.code, result.names.model_dump()) for result in item.results),
        materials=tuple(item.materials),
        needs={code: _need(said, materials[code].shape) for code, said in item.needs.items()},
        fields={code: _needed(needed) for code, needed in item.fields.items()},
        answers=tuple(item.answers),
        after=tuple(shape.after),
        when=shape.when,
        alternative=shape.alternative,
        waits=tuple(_wait(wait) for wait in shape.waits),
        offline=shape.offline,
        identity=item.identity,
        agent=item.agent,
        retention_days=item.retention_days,
        compensation=item.compensation.model_dump() if item.compensation else None,
        if_failed={code: shape.if_failed.get(code, if_failed) for code in shape.after},
        tolerance=_terms(item.tolerance),
        after_supplement=item.after_supplement,
        renews=item.renews,
        reach=item.reach,
        commitment=_commitment(item.commitment),
        verifies=item.verifies,
        delivery=tuple(item.delivery),
    )


def _terms(shape: texts.Terms | None) -> domain.Terms | None:
    return domain.Terms(shape.version, shape.text.model_dump()) if shape else None


def _commitment(shape: model.Commitment | None) -> domain.CommitmentTerms | None:
    if shape is None:
        return None
    check = domain.Limit(shape.check.number, shape.check.unit)
    return domain.CommitmentTerms(shape.version, shape.text.model_dump(), check)


def _need(said: model.Need, material: model.Material) -> domain.Need:
    own = {name: getattr(material, name) for name in ("need", "originals", "copies")}
    return domain.Need(**own | said.model_dump(exclude_none=True))


def _needed(said: Literal["required", "optional"] | model.RequiredWhen) -> bool | str:
    return said.required_when if isinstance(said, model.RequiredWhen) else said == "required"


def _wait(shape: model.Wait) -> domain.Wait:
    length = domain.Limit(shape.length.number, shape.length.unit)
    window = domain.Limit(shape.window.number, shape.window.unit) if shape.window else None
    return domain.Wait(shape.from_field, length, window, shape.when)


def build_question(shape: model.Question) -> domain.Question:
    """The question as the engine sees it."""
    options = tuple(domain.Option(option.code, option.names.model_dump()) for option in shape.options)
    return domain.Question(shape.code, shape.type, shape.names.model_dump(), options, shape.when)


def _material(shape: model.Material) -> domain.Material:
    return domain.Material(
        code=shape.code,
        names=shape.names.model_dump(),
        mode=cast("Literal[1, 2, 3, 4]", shape.mode),
        need=shape.need,
        from_result=shape.from_result,
        when=shape.when,
        originals=shape.originals,
        copies=shape.copies,
        asks=_asks(shape.asks) if shape.asks else None,
        valid_days=shape.valid_days,
        text=shape.text.model_dump() if shape.text else None,
    )


def _asks(shape: model.Asks) -> domain.Asks:
    return domain.Asks(shape.source, shape.certificate, shape.holder, tuple(shape.fields))


def _source(shape: model.Source) -> domain.Source:
    return domain.Source(shape.code, shape.names.model_dump())


def _field(shape: model.FormField) -> domain.Field:
    return domain.Field(shape.code, shape.names.model_dump(), shape.schema_)


def _limit(shape: model.Limit | None) -> domain.Limit | None:
    return domain.Limit(shape.number, shape.unit) if shape else None


def _subjects(shape: model.Subjects | None) -> Subjects | None:
    if shape is None:
        return None
    codes = {name: tuple(getattr(shape, name)) for name in ("members", "fields", "materials", "distinct")}
    return Subjects(shape.names.model_dump(), shape.max, **codes)


def _reform(shape: model.Reform | None) -> dict[str, tuple[int, int]]:
    pairs = shape.model_dump(exclude_none=True) if shape else {}
    return {what: (before, after) for what, (before, after) in pairs.items()}
