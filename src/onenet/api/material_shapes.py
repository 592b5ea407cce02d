"""Materials on the wire: forms that are generated."""

from __future__ import annotations

from onenet.api.case_shapes import BundleMark
from onenet.api.shapes import Answer, Names


class GeneratedFormShape(Answer):
    """A form of mode 1 as the department of a step gets it: plain text, shown as it is."""

    step: str
    code: str
    names: Names
    text: str
    sha256: str


class PreviewShape(Answer):
    """What would be generated. `forms_sha256`: of all forms, for the submission that confirms them."""

    bundle: BundleMark
    layout: str
    forms: list[GeneratedFormShape]
    forms_sha256: str
