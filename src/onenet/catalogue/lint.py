"""The check of a catalogue: its rules as two tables, and the run over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from onenet.catalogue import (
    calendars,
    combinations,
    conditions,
    form,
    limits,
    materials,
    model,
    numbering,
    promises,
    references,
    subjects,
)
from onenet.catalogue.build import build_bundle, build_department, build_jurisdiction
from onenet.catalogue.findings import Finding, Findings, warning
from onenet.catalogue.load import Catalogue, Entry, load
from onenet.catalogue.search import TooManyCombinationsError
from onenet.catalogue.view import BundleView
from onenet.domain.bundle import Bundle, Department, Jurisdiction
from onenet.domain.calendar import Calendar

CATALOGUE_RULES: Sequence[Callable[[Catalogue], Findings]] = (
    references.no_code_twice,
    references.every_reference_leads_somewhere,
    references.jurisdictions_form_trees,
    references.members_form_a_graph_without_circles,
    references.questions_have_fitting_options,
    references.alternatives_come_in_groups,
    references.a_government_body_leads,
    numbering.templates_are_sound,
    numbering.every_jurisdiction_has_a_template,
    numbering.inherited_templates_tell_places_apart,
    calendars.every_root_has_a_calendar,
    calendars.years_are_said_once,
    calendars.days_fit_their_year,
    form.schemas_are_sound,
    form.waits_count_from_dates,
    form.renewals_expire_on_a_date,
    materials.modes_have_what_they_need,
    materials.needs_are_of_own_materials,
    conditions.conditions_fit_their_questions,
    conditions.told_answers_are_asked,
    conditions.questions_are_used,
    limits.promises_keep_within_the_law,
    limits.tickets_are_lengthened_in_their_unit,
    promises.what_may_follow_is_there,
    promises.no_commitment_where_a_check_protects,
    promises.a_verification_grants_nothing,
    promises.no_courier_goes_without_an_address,
)
"""Rules about entries as they are written."""

BUNDLE_RULES: Sequence[Callable[[BundleView], Findings]] = (
    materials.results_come_before_their_use,
    materials.holders_are_told_in_the_form,
    subjects.own_parts_are_there,
    subjects.codes_have_room_for_a_number,
    subjects.shared_members_depend_on_no_single_subject,
    limits.promises_cover_each_member,
    limits.promises_cover_the_longest_path,
)
"""Rules about a bundle as it would be published; run when all its references lead somewhere."""

ANSWER_RULES: Sequence[Callable[[BundleView], Findings]] = (
    combinations.members_can_apply,
    combinations.everything_gets_decided,
    combinations.alternatives_exclude_each_other,
    combinations.waits_of_a_member_exclude_each_other,
    combinations.something_applies,
)
"""Rules about what answers lead to; run when all conditions of the bundle can be used as well."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the check found, by file and line; and what can be published: nothing when there is an error."""

    findings: tuple[Finding, ...]
    calendars: tuple[Calendar, ...] = ()
    jurisdictions: tuple[Jurisdiction, ...] = ()
    departments: tuple[Department, ...] = ()
    bundles: tuple[Bundle, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the catalogue from being published."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def lint(directory: Path) -> Report:
    """Checks every `*.yaml` below the directory as one catalogue."""
    catalogue, findings = load(directory)
    # With a file missing from the picture, whatever it holds would be called dangling.
    if catalogue.is_whole:
        for rule in CATALOGUE_RULES:
            findings += rule(catalogue)
        for bundle in catalogue.bundles:
            findings += _check_bundle(catalogue, bundle)
    report = Report(tuple(sorted(set(findings))))
    if report.errors:
        return report
    return Report(
        report.findings,
        tuple(calendars.build_calendars(catalogue)),
        tuple(build_jurisdiction(entry.shape) for entry in catalogue.jurisdictions),
        tuple(build_department(entry.shape) for entry in catalogue.departments),
        tuple(build_bundle(catalogue, entry.shape) for entry in catalogue.bundles),
    )


def _check_bundle(catalogue: Catalogue, entry: Entry[model.Bundle]) -> Findings:
    try:
        view = BundleView(catalogue, entry, build_bundle(catalogue, entry.shape))
    except KeyError:
        return  # A reference leads nowhere or in a circle; the rules above have said so.
    for rule in BUNDLE_RULES:
        yield from rule(view)
    if any(conditions.faults_of(catalogue, entry)):
        return
    for rule in ANSWER_RULES:
        try:
            yield from rule(view)
        except TooManyCombinationsError:
            claim = rule.__name__.replace("_", " ")
            what = f"{entry.code} has too many combinations of answers to check whether {claim}"
            yield warning(entry.at("questions"), "not_checked", what)
