"""Each file in `faults/` is laid beside a sound catalogue; its last lines say what must be found in it."""

import re
import shutil
from pathlib import Path

import pytest

from onenet.catalogue.lint import lint

HERE = Path(__file__).resolve().parent
FAULTS = sorted((HERE / "faults").glob("*.yaml"))
EXPECT = re.compile(r"^# expect (\d+):(\d+) (error|warning) (\w+)$", re.MULTILINE)


def findings(folder: Path, fault: Path) -> list[tuple[int, int, str, str]]:
    shutil.copy(HERE / "base.yaml", folder)
    shutil.copy(fault, folder / "fault.yaml")
    found = lint(folder).findings
    assert {Path(finding.place.file).name for finding in found} <= {"fault.yaml"}
    return [(f.place.line, f.place.column, f.severity, f.code) for f in found]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda path: path.stem)
def test_a_fault_is_found_where_it_stands(fault: Path, tmp_path: Path) -> None:
    text = fault.read_text(encoding="utf-8")
    expected = [(int(line), int(column), kind, code) for line, column, kind, code in EXPECT.findall(text)]
    assert expected, "a faulty file says what is expected of it"
    assert findings(tmp_path, fault) == expected


def test_the_base_is_sound(tmp_path: Path) -> None:
    shutil.copy(HERE / "base.yaml", tmp_path)
    assert lint(tmp_path).findings == ()


def test_a_number_that_is_too_small_is_told_in_our_words(tmp_path: Path) -> None:
    findings(tmp_path, HERE / "faults" / "negative_copies.yaml")
    assert [each.message for each in lint(tmp_path).findings] == ["expected 0 or more"]
