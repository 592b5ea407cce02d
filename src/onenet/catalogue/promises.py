"""Rules about what applicants may promise: materials that follow later, conditions in place of a check."""

from __future__ import annotations

from onenet.catalogue import model
from onenet.catalogue.findings import Findings, error
from onenet.catalogue.load import Catalogue, Entry, first_of


def what_may_follow_is_there(catalogue: Catalogue) -> Findings:
    """An item that tolerates has secondary materials to be handed in, and a promise in days to count by.

    Source: ANY art. 24; the time to make good is not longer than the promise (domain.md section 6).
    """
    materials = first_of(catalogue.materials)
    for item in catalogue.items:
        if item.shape.tolerance is None:
            continue
        if item.shape.promised is None or item.shape.promised.unit == "hours":
            what = f"{item.code} lets materials follow, but no promise in days says for how long"
            yield error(item.at("tolerance"), "tolerance_without_promise", what)
        if not any(_may_follow(item.shape, code, materials) for code in item.shape.materials):
            what = f"{item.code} lets materials follow, but has no secondary one of mode 4"
            yield error(item.at("tolerance"), "nothing_to_follow", what)


def no_commitment_where_a_check_protects(catalogue: Catalogue) -> Findings:
    """Safety, health, environment and the like are looked at before, not after.

    Source: ANY art. 25 and SHA art. 27, as domain.md section 7 has them.
    """
    for item in catalogue.items:
        if item.shape.commitment is not None and item.shape.protects:
            what = f"{item.code} protects {', '.join(item.shape.protects)}: no commitment stands in for it"
            yield error(item.at("commitment"), "commitment_excluded", what)


def a_verification_grants_nothing(catalogue: Catalogue) -> Findings:
    """What is found out is no licence (type 01), is never renewed or handed over, and undone by nobody."""
    for item in catalogue.items:
        shape = item.shape
        granted = {
            "item_type": shape.item_type == "01",
            "renews": shape.renews,
            "compensation": shape.compensation,
            "delivery": shape.delivery != ["electronic"],
        }
        for key in (key for key, said in granted.items() if shape.verifies and said):
            what = f"{item.code} verifies, and so grants nothing; expected no {key} that says otherwise"
            yield error(item.at(key), "verification_grants", what)


def no_courier_goes_without_an_address(catalogue: Catalogue) -> Findings:
    """The first way is taken where no other is wished for, and only a wish says where a courier goes."""
    for item in catalogue.items:
        if item.shape.delivery[0] == "courier":
            what = f"{item.code}: nobody says where the courier goes; expected another way first"
            yield error(item.at("delivery", 0), "courier_first", what)


def _may_follow(item: model.Item, code: str, materials: dict[str, Entry[model.Material]]) -> bool:
    if code not in materials:
        return True  # it leads nowhere; another rule says so
    own = item.needs.get(code)
    need = (own and own.need) or materials[code].shape.need
    return materials[code].shape.mode == 4 and need == "secondary"
