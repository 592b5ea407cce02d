"""A bundle as it would be published beside the entry it was written as: what rules about bundles look at."""

from __future__ import annotations

from dataclasses import dataclass

from onenet.catalogue import model
from onenet.catalogue.findings import Place
from onenet.catalogue.load import Catalogue, Entry, first_of
from onenet.domain.bundle import Bundle


@dataclass(frozen=True, slots=True)
class BundleView:
    """Both forms of one bundle; all its references lead somewhere and its members form no circle."""

    catalogue: Catalogue
    entry: Entry[model.Bundle]
    bundle: Bundle

    def member_at(self, code: str, *path: str | int) -> Place:
        """The place of a value of a member."""
        names = [member.name for member in self.entry.shape.members]
        return self.entry.at("members", names.index(code), *path)

    def question_at(self, code: str, *path: str | int) -> Place:
        """The place of a value of a question."""
        codes = [question.code for question in self.entry.shape.questions]
        return self.entry.at("questions", codes.index(code), *path)

    def material_at(self, code: str, *path: str | int) -> Place:
        """The place of a value of a material."""
        return first_of(self.catalogue.materials)[code].at(*path)
