"""The documentation is true: what exists is written down, what is written down exists, what is shown runs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import httpx2
import pytest
import typer
from pydantic import BaseModel

from onenet.adapters import message_signatures, open311_options, signing, simulated, webhook
from onenet.adapters.base import Endpoint, TaskSheet
from onenet.adapters.description import OUTCOMES
from onenet.adapters.description_parts import AnswerPart, AuthPart, Description, RequestPart
from onenet.adapters.registry import installed
from onenet.adapters.rest import Rest
from onenet.api import problems
from onenet.api.ticket_shapes import HotlineAct
from onenet.catalogue import model
from onenet.catalogue.lint import lint
from onenet.cli import app as command_line
from onenet.console.words import PROCEDURES
from onenet.demo import samples
from onenet.domain import flow, moves, outcome, reapplications, stalls, states, tickets
from onenet.domain.chain import canonical
from onenet.domain.events import EVENT_KINDS
from onenet.domain.principal import EVERY_PERMISSION, PERMISSIONS
from onenet.quotas import POLICIES
from onenet.security_log import KINDS
from onenet.services import descriptions
from onenet.services.metrics import COUNTERS, GAUGES
from onenet.settings import PREFIX, Settings
from onenet.simulator.habits import HABITS
from onenet.simulator.paper import QUIRKS
from onenet.store.tables import metadata
from tests import moves_table
from tests.factories import make_case
from tests.signatures import KEY, public

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
PROGRAMS = sorted(file for file in (DOCS / "receivers").rglob("*.*") if file.is_file())
SECRET = signing.new_secret()

# In pieces: the house rules search this file too.
FOREIGN_WORDS = [
    "/" + "work/",
    "/" + "root/",
    "/" + "home/",
    "py" + "pi",
    "npm" + "js",
    "cla" + "ude",
    "ope" + "nai",
    "ll" + "m",
]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def table(name: str, mark: str) -> dict[str, list[str]]:
    """The rows of the table below `<!-- table: mark -->`: first cell, without back-ticks, and the others."""
    after = text_of(name).split(f"<!-- table: {mark} -->\n", 1)
    assert len(after) == 2, f"{name} has no table {mark}"
    rows = {}
    for line in after[1].split("\n\n", 1)[0].splitlines()[2:]:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        rows[cells[0].strip("`")] = cells[1:]
    return rows


def words(cell: str) -> set[str]:
    """The words in back-ticks."""
    return set(re.findall(r"`([^`]+)`", cell))


def block(name: str, mark: str) -> str:
    """The code below `<!-- runnable: mark -->`."""
    found = re.search(rf"<!-- runnable: {mark} -->\n```\w+\n(.*?)```\n", text_of(name), re.DOTALL)
    assert found, f"{name} has no block {mark}"
    return found.group(1)


# ---- what exists is written down


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {
        name: cells[0].strip("`") for name, cells in table("docs/administrators.md", "settings").items()
    }
    assert documented == {
        f"{PREFIX}{name.upper()}": "–"
        if field.default in (None, ())
        else str(field.default).replace("True", "true").replace("False", "false")
        for name, field in Settings.model_fields.items()
    }


def test_every_event_is_documented() -> None:
    documented = {
        name: (cells[0], cells[2] == "yes") for name, cells in table("docs/frontend.md", "events").items()
    }
    assert documented == {type.value: (kind.zh, kind.public) for type, kind in EVENT_KINDS.items()}


def test_every_scope_is_documented_with_whose_it_is() -> None:
    documented = {
        scope: words(cells[-1]) for scope, cells in table("docs/administrators.md", "scopes").items()
    }
    assert documented == {
        scope: {str(role) for role, may in PERMISSIONS.items() if scope in may} for scope in EVERY_PERMISSION
    }


def test_every_metric_is_documented_with_its_labels() -> None:
    documented = {
        name: (cells[0], words(cells[1]))
        for name, cells in table("docs/administrators.md", "metrics").items()
    }
    kinds = (("counter", COUNTERS), ("gauge", GAUGES))
    assert documented == {
        name: (kind, set(told.labels)) for kind, known in kinds for name, told in known.items()
    }


def test_every_line_of_the_log_is_documented() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src/onenet").rglob("*.py"))
    written = set(re.findall(r'\blog\.(?:info|warning|error|exception)\(\s*"([\w.]+)"', source))
    assert "sealing_stopped" in written
    assert written - words("".join(f"`{row}`" for row in table("docs/administrators.md", "log"))) == set()


def test_every_security_event_is_documented() -> None:
    assert {
        kind: cells[0] for kind, cells in table("docs/administrators.md", "security events").items()
    } == KINDS


def test_every_quota_is_documented_with_its_size() -> None:
    documented = {
        name: (cells[0].strip("`"), cells[1])
        for name, cells in table("docs/administrators.md", "quotas").items()
    }
    assert documented == {name: (f"{each.quota}/{each.window_s}", each.of) for name, each in POLICIES.items()}


def test_every_problem_is_documented_with_its_status() -> None:
    documented = {code: int(cells[0]) for code, cells in table("docs/frontend.md", "problems").items()}
    assert documented == {code: kind.status for code, kind in problems.problem_types().items()}


def test_every_command_is_documented() -> None:
    root: Any = typer.main.get_command(command_line)
    found = set()
    for name in root.list_commands(None):
        below = getattr(root.get_command(None, name), "commands", None)
        found |= {f"onenet {name} {sub}" for sub in below} if below else {f"onenet {name}"}
    assert set(table("docs/administrators.md", "commands")) == found


def test_the_tables_of_moves_are_those_of_the_code() -> None:
    for mark, known in (
        ("CaseState", states.CASE_MOVES),
        ("StepState", states.STEP_MOVES),
        ("TaskState", states.TASK_MOVES),
    ):
        documented = {name: words(cells[-1]) for name, cells in table("docs/architecture.md", mark).items()}
        assert documented == {state.value: {to.value for to in after} for state, after in known.items()}, mark


def test_the_table_of_what_can_be_done_is_that_of_the_code() -> None:
    page = text_of("docs/frontend.md")
    assert moves_table.page(page) == page, "run `python3 dev.py moves`"
    documented = table("docs/frontend.md", "moves")
    assert [action for action, cells in documented.items() if "?" in cells] == []
    at_desk = {action for action, cells in documented.items() if "desk" in cells[1]}
    assert at_desk == {action for action, move in moves.OF_STEP.items() if move.at_desk}


def test_every_act_of_the_hotline_is_documented_with_what_it_takes() -> None:
    documented = {act: words(cells[0]) for act, cells in table("docs/frontend.md", "hotline acts").items()}
    assert documented == {
        act: set(shape.model_fields) - {"act"}
        for shape in get_args(HotlineAct.model_fields["root"].annotation)
        for act in get_args(shape.model_fields["act"].annotation)
    }
    assert set(documented) == {act.value for act, move in tickets.ACTS.items() if move.by == "hotline"}


def test_the_demo_leaves_every_file_that_is_sent_by_hand() -> None:
    left = set(samples.by_hand())
    assert set(table("docs/frontend.md", "by hand")) == left
    named = {
        name for page in PAGES for name in re.findall(r"\.onenet-demo/(\w+\.json)", page.read_text("utf-8"))
    }
    assert named <= left


def test_every_waiting_reason_is_documented() -> None:
    assert set(table("docs/architecture.md", "waiting reasons")) == waiting_reasons()


def calls(folder: str) -> Iterator[tuple[str, list[ast.expr]]]:
    """Every call in the modules of a folder of the package: what is called, with which arguments by place."""
    for file in (ROOT / "src/onenet" / folder).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield getattr(node.func, "attr", getattr(node.func, "id", "")), node.args


def waiting_reasons() -> set[str]:
    """Every reason that the domain gives: the arguments of the four ways to say one."""
    place = {"Waiting": 1, "with_department": 1, "hold": 2, "GiveUp": 0}
    found = {"with_department", flow.WAITING_PERIOD, flow.UNREACHABLE, flow.TO_BE_FETCHED}  # constants
    found |= {flow.AT_DESK, flow.WITH_CLERK, flow.ENDPOINT_HELD}
    found |= {stalls.SENT_AGAIN, stalls.INCONSISTENT, reapplications.UPSTREAM}
    for name, given in calls("domain"):
        prefix = "delivery_" if name == "GiveUp" else ""
        found |= {prefix + word for each in given[place.get(name, 99) :][:1] for word in literals(each)}
    return found


def literals(node: ast.expr) -> list[str]:
    """The texts that an expression can be, as far as they stand in it."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=otherwise):
            return literals(body) + literals(otherwise)
        case _:
            return []


def test_every_outcome_and_code_of_a_department_is_documented() -> None:
    outcomes = table("docs/departments.md", "outcomes")
    assert set(outcomes) == set(webhook.ANSWERS)
    assert {word: words(cells[2]) & set(states.StepState) for word, cells in outcomes.items()} == {
        word: set(moves.OF_STEP[word].states) for word in webhook.ANSWERS
    }
    assert set(table("docs/departments.md", "codes")) == set(map(str, simulated.CODES))


def test_every_special_procedure_is_documented_with_its_words() -> None:
    documented = {
        word: cells[0] for word, cells in table("docs/departments.md", "special procedures").items()
    }
    assert documented == {word: known["zh"] for word, known in PROCEDURES.items()}


def test_every_rejection_code_is_documented() -> None:
    codes = outcome.Rejected.__annotations__["reason_code"]
    assert set(re.findall(r'"(\w+)"', codes)) <= words(text_of("docs/departments.md"))


def test_every_adapter_and_habit_is_documented() -> None:
    own = {name for name, adapter in installed().items() if adapter.__module__.startswith("onenet.")}
    listed = text_of("docs/add-a-department.md").split("<!-- list: adapters -->")[1].split("\n")[0]
    assert words(listed) <= own
    assert {"webhook", "simulated"} <= words(listed)
    assert set(table("docs/add-a-department.md", "habits")) == set(HABITS)


def test_the_documented_description_reads_what_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "urban.yaml"
    file.write_text(block("docs/add-a-department.md", "description"), encoding="utf-8")
    options, findings = descriptions.read(file)
    assert findings == []
    adapter = Rest(Endpoint(UUID(int=0), "urban", "rest", "http://urban.example", (), options))
    said = {"流水号": "tsk_1", "结论": "通过", "备注": "符合招牌规范", "备案号": "CG-2026-17"}
    record = outcome.ResultGiven("signboard_record", "CG-2026-17")
    read = adapter.read_callback(json.dumps(said).encode())
    assert (read.task, read.outcome) == ("tsk_1", outcome.Completed((record,), "符合招牌规范"))


def test_the_documented_georeport_server_is_spoken_to_as_shown(tmp_path: Path) -> None:
    file = tmp_path / "urban.yaml"
    file.write_text(block("docs/add-a-department.md", "open311"), encoding="utf-8")
    options, findings = descriptions.read(file, "open311")
    assert findings == []
    assert open311_options.read(options).services["signboard_rules"].code == "001"


def test_every_option_status_and_quirk_of_a_georeport_server_is_documented() -> None:
    page = "docs/add-a-department.md"
    assert set(table(page, "open311 options")) == set(open311_options.Options.model_fields)
    assert words(table(page, "open311 options")["fields"][0]) == set(open311_options.FIELDS)
    documented = {
        status: cells[0]
        for first, cells in table(page, "open311 statuses").items()
        for status in words(f"`{first}`")
    }
    assert documented.keys() == open311_options.STATUSES.keys()
    for status, meaning in open311_options.STATUSES.items():
        assert documented[status].startswith(f"`{meaning['outcome']}`"), status
    assert {quirk: cells[0] for quirk, cells in table(page, "quirks").items()} == QUIRKS


def test_every_key_and_outcome_of_a_description_is_documented() -> None:
    text = text_of("docs/add-a-department.md").split("## An API described in YAML")[1].split("\n## ")[0]
    assert {f"`{part}" in text or f"\n{part}:" in text for part in Description.model_fields} == {True}
    for part, shape in (("request", RequestPart), ("answer", AnswerPart)):
        names = shape.model_fields
        assert {name for name in names if f"`{part}.{name}`" not in text and f"`{name}`" not in text} == set()
    assert {f"\n  {name}:" in text for name in AuthPart.model_fields} == {True}
    known = text + text_of("docs/departments.md")
    assert {outcome for outcome in OUTCOMES if f"`{outcome}`" not in known} == set()


def test_every_member_of_a_task_is_documented() -> None:
    rows = table("docs/departments.md", "task members")
    documented = {name for first in rows for name in words(f"`{first}`")}
    case = make_case()
    (task,) = case.tasks.values()
    assert documented == set(json.loads(task.payload))


@pytest.mark.parametrize(
    ("mark", "shape"),
    [
        *model.SECTIONS.items(),
        ("subjects", model.Subjects),
        ("questions", model.Question),
        ("members", model.Member),
        ("waits", model.Wait),
    ],
)
def test_every_key_of_the_catalogue_is_documented(mark: str, shape: type[BaseModel]) -> None:
    documented = {name for first in table("docs/add-a-bundle.md", mark) for name in words(f"`{first}`")}
    assert documented == {field.alias or name for name, field in shape.model_fields.items()}


def test_every_finding_of_the_lint_is_documented() -> None:
    ways = ("error", "warning", "_note", "_unreadable")
    found = {word for name, given in calls("catalogue") if name in ways for word in literals(given[1])}
    section = text_of("docs/add-a-bundle.md").split("## What lint looks for")[1]
    documented = {
        word for line in section.splitlines() if line.startswith("| `") for word in words(line.split("|")[1])
    }
    assert documented == found


def test_the_glossary_names_every_table() -> None:
    rows = [line.split("|") for line in text_of("docs/glossary.md").splitlines() if line.startswith("| ")]
    known = {word for cells in rows if len(cells) > 6 for word in words(cells[4])}
    assert set(metadata.tables) - known == set()


# ---- what is written down exists


def headings(page: Path) -> set[str]:
    """The anchors of a page, made as the common renderers do."""
    titles = re.findall(
        r"^#+ (.+)$",
        re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_inside_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(
        r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    ):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in headings(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/peers.md"])
def test_the_tests_that_a_page_names_exist(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", text_of(page)))
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named
    assert named - written == set()


def test_the_files_of_the_journeys_exist() -> None:
    journeys = text_of("docs/architecture.md").split("## The journeys")[1].split("## States")[0]
    named = [name for line in journeys.splitlines() for name in re.findall(r"`([\w/]+\.py)`", line)]
    assert [name for name in named if not (ROOT / "src/onenet" / name).is_file()] == []
    assert [name for name in set(named) if named.count(name) > 1] == [], "each file is visited once"


def test_the_index_of_decisions_is_whole() -> None:
    index = text_of("docs/decisions/README.md")
    assert [page.name for page in (DOCS / "decisions").glob("0*.md") if f"]({page.name})" not in index] == []


@pytest.mark.parametrize("page", [*PAGES, *PROGRAMS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_speaks_of_the_project_alone(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    assert [word for word in FOREIGN_WORDS if re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text)] == []


def test_nobody_is_told_to_install_onenet_by_its_name() -> None:
    told = [*PAGES, ROOT / "Dockerfile", *(ROOT / "deploy").iterdir(), *(ROOT / "src").rglob("*.py")]
    by_name = re.compile(r"install [^\n]*\bonenet\[")  # on the public index it is somebody else's
    assert [file.name for file in told if by_name.search(file.read_text(encoding="utf-8"))] == []


# ---- what is shown runs


def test_the_published_check_vector_is_right() -> None:
    page = text_of("docs/departments.md")
    (secret,) = re.findall(r"secret `(whsec_\w+)`", page)
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signing.sign(
        b'{"test": 2432232314}', [secret], message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=at
    )
    assert f"`{headers['webhook-signature']}`" in page


SIGNED = re.compile(
    r"webhook-id: (\S+)\nwebhook-timestamp: (\d+)\nwebhook-signature: (v1,\S+)\n"
    r"(?:```\n\n```json)?\n(\{.*?)\n```",
    re.DOTALL,
)
"""A message that is shown with its signature: id, timestamp, signature, body."""


def test_every_message_that_is_shown_is_signed_by_the_secret_that_is_shown() -> None:
    page = text_of("docs/departments.md")
    (secret,) = re.findall(r"shown only now: (whsec_\S+)", page)
    shown = SIGNED.findall(page)
    assert len(shown) == len(re.findall("^webhook-signature: v1,", page, re.MULTILINE))
    for message_id, timestamp, signature, body in shown:
        line = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
        at = datetime.fromtimestamp(int(timestamp), UTC)
        headers = signing.sign(line.encode(), [secret], message_id=message_id, at=at)
        assert signature == headers["webhook-signature"]
    task = json.loads(shown[0][3])["data"]
    assert json.dumps(task, ensure_ascii=False, separators=(",", ":")) == canonical(task)


def test_the_documented_asymmetric_check_and_signature_are_right() -> None:
    space: dict[str, Any] = {"__name__": "v1a"}
    exec(compile(block("docs/departments.md", "v1a"), "v1a.py", "exec"), space)  # noqa: S102  # what the page shows
    page, body, sent_at = text_of("docs/departments.md"), b'{"test": 2432232314}', 1614265330
    (key,), (signature,) = re.findall(r"public key `(whpk_\S+)`", page), re.findall(r"`(v1a,\S{88})`", page)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": str(sent_at),
        "webhook-signature": f"v1,AAAA {signature}",
    }
    checked = [space["is_genuine"](key, headers, sent, sent_at) for sent in (body, body + b" ")]
    assert checked == [True, False]
    made = space["sign"](KEY, "m-1", body)
    assert signing.verify(made, body, [public(KEY)], now=datetime.now(UTC)) is None


def test_the_documented_message_signature_is_believed_and_is_the_published_one() -> None:
    space: dict[str, Any] = {"__name__": "say"}
    exec(compile(block("docs/departments.md", "signed callback"), "say.py", "exec"), space)  # noqa: S102  # the same
    url, body = "https://onenet.example/v1/callbacks/edu", b'{"test": 2432232314}'
    headers = space["sign"](KEY, url, "tsk_1_1", body, 1764115200, "n-1")
    message = message_signatures.Message("POST", url, headers)
    at = datetime.fromtimestamp(1764115200, UTC)
    assert message_signatures.verify(message, body, [public(KEY)], now=at) is None
    page = text_of("docs/departments.md")
    assert (f"`{headers['signature']}`" in page, public(KEY) in page) == (True, True)


def test_the_ninth_bundle_has_no_fault_and_its_slips_are_found(tmp_path: Path) -> None:
    for name in ("jurisdictions.yaml", "departments.yaml"):
        (tmp_path / name).write_text(text_of(f"catalogue/{name}"), encoding="utf-8")
    file, good = tmp_path / "school_transfer.yaml", block("docs/add-a-bundle.md", "bundle")
    file.write_text(good, encoding="utf-8")
    assert lint(tmp_path).findings == ()
    slips = {
        'household == "not_local"': 'household == "foreign"',
        "residence_permit_check, property_check]": "residence_permit_check]",
    }
    for right, wrong in slips.items():
        assert right in good
        good = good.replace(right, wrong)
    file.write_text(good, encoding="utf-8")
    shown = {str(finding).replace(f"{tmp_path}/", "my-catalogue/") for finding in lint(tmp_path).findings}
    assert shown == set(re.findall(r"^my-catalogue/.+$", text_of("docs/add-a-bundle.md"), re.MULTILINE))


def test_the_adapter_of_the_worked_example_translates() -> None:
    space: dict[str, Any] = {"__name__": "onenet_urban"}
    exec(compile(block("docs/add-a-department.md", "adapter"), "onenet_urban.py", "exec"), space)  # noqa: S102
    adapter = space["Urban"](Endpoint(UUID(int=1), "urban", "urban", "http://127.0.0.1:9400/", (SECRET,)))
    content = {"item": "signboard_rules", "applicant": {"name": "示例"}, "form": {}}
    talk = adapter.submit(TaskSheet("tsk_1", "", content))
    assert json.loads(next(talk).read())["流水号"] == "tsk_1"
    with pytest.raises(StopIteration) as end:
        talk.send(httpx2.Response(200, json={"结论": "通过", "备注": "符合"}))
    assert end.value.value == outcome.Completed(opinion="符合")
    answer = adapter.read_callback(json.dumps({"流水号": "tsk_1", "结论": "也许"}).encode())
    assert isinstance(answer.outcome, outcome.Unclear)
