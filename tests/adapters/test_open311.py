"""A GeoReport v2 server as a department: what is filed, what is asked, what its words and its quirks mean."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest

from onenet.adapters.base import APART, Talk
from onenet.adapters.failures import NotCalled
from onenet.adapters.open311 import LONGEST_DESCRIPTION, MOST_PAGES, PAGE_SIZE, Open311
from onenet.adapters.open311_options import STATUSES, faults
from onenet.domain.outcome import (
    Accepted,
    Completed,
    Outcome,
    Received,
    Rejected,
    ResultGiven,
    TryLater,
    Unclear,
)
from onenet.errors import MisconfiguredError
from tests.adapters.factories import GEOREPORT, KEY, make_endpoint, make_task

XML = '<?xml version="1.0" encoding="utf-8"?>'
FIRST, AGAIN = make_task(), make_task(attempt=2)
FOLLOWED = Received("requests/8001", 600)


def adapter(**options: Any) -> Open311:
    return Open311(make_endpoint("http://city.example/open311/v2/", "open311", options=GEOREPORT | options))


def said(body: Any, status: int = 200) -> httpx2.Response:
    """A document: text is XML, everything else JSON."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    media_type = "text/xml" if isinstance(body, str) else "application/json"
    return httpx2.Response(status, headers={"content-type": f"{media_type}; charset=utf-8"}, content=content)


def play(talk: Talk, *answers: Any) -> tuple[list[httpx2.Request], Outcome | None]:
    """What is asked, one answer after another, and what comes of it; None when more is asked."""
    requests: list[httpx2.Request] = []
    heard = (each if isinstance(each, httpx2.Response) else said(each) for each in answers)
    try:
        request = next(talk)
        while True:
            assert isinstance(request, httpx2.Request)
            requests.append(request)
            request = talk.send(next(heard))
    except StopIteration as end:
        return requests, end.value


def form(request: httpx2.Request) -> dict[str, list[str]]:
    return parse_qs(request.read().decode())


def query(request: httpx2.Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(str(request.url)).query))


def path(request: httpx2.Request) -> str:
    return urlsplit(str(request.url)).path


def about(**members: Any) -> list[dict[str, Any]]:
    return [{"service_request_id": "8001", "status": "open", "status_notes": None} | members]


# ---- filing


def test_a_task_is_filed_as_a_form() -> None:
    (request,), _ = play(adapter(jurisdiction_id="city.example").submit(FIRST))
    assert (request.method, path(request)) == ("POST", "/open311/v2/requests.xml")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert form(request) == {
        "api_key": ["example-key"], "jurisdiction_id": ["city.example"], "service_code": ["001"],
        "address_string": ["示例路 5 号"], "description": [f"户口登记\n[onenet {KEY}]"],
        "attribute[CHILD]": ["小测"],
    }  # fmt: skip


def test_several_values_of_an_attribute_go_one_by_one() -> None:
    papers = {"$each": "${/materials}", "$as": "${/code}"}
    services = {"household_registration": {"code": 0, "attributes": {"PAPERS": papers}}}
    task = make_task(materials=[{"code": "a"}, {"code": "b"}])
    (request,), _ = play(adapter(services=services).submit(task))
    assert (form(request)["attribute[PAPERS][]"], form(request)["service_code"]) == (["a", "b"], ["0"])


def test_what_an_applicant_wrote_is_never_a_reference() -> None:
    (request,), _ = play(adapter().submit(make_task(form={"child_name": "${/applicant/id_no}"})))
    assert form(request)["attribute[CHILD]"] == ["${/applicant/id_no}"]


def test_a_field_that_is_empty_is_left_out_and_zero_is_not() -> None:
    fields = {"lat": "${/form/lat}", "long": "${/form/long}", "phone": "${/form/phone?}", "email": ""}
    task = make_task(form={"child_name": "x", "lat": 0, "long": 0.5, "phone": None})
    (request,), _ = play(adapter(fields=fields).submit(task))
    assert (form(request)["lat"], form(request)["long"]) == (["0"], ["0.5"])
    assert not {"phone", "email"} & form(request).keys()


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        pytest.param({}, {"item": "marriage"}, id="no service for the item"),
        pytest.param({}, {"form": {}}, id="no value for an attribute"),
        pytest.param({"fields": {"address_string": "${/form/place?}"}}, {}, id="no location"),
        pytest.param(
            {"fields": GEOREPORT["fields"] | {"description": "测" * LONGEST_DESCRIPTION}}, {}, id="too long"
        ),
    ],
)
def test_a_task_that_cannot_be_filed_is_not_called(options: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(NotCalled):
        next(adapter(**options).submit(make_task(**changes)))


# ---- filing again: the standard knows no key


def listed(*descriptions: str, start: int = 1) -> list[dict[str, Any]]:
    return [
        {"service_request_id": place, "status": "open", "description": text}
        for place, text in enumerate(descriptions, start)
    ]


def test_before_a_second_try_the_list_is_searched_for_the_key() -> None:
    requests, outcome = play(adapter().submit(AGAIN), listed("others", f"户口登记\n[onenet {KEY}]"))
    assert outcome == Received("requests/2", 600)
    assert [request.method for request in requests] == ["GET"]
    assert query(requests[0]) == {
        "service_code": "001", "start_date": "2026-11-23T07:00:00Z", "page": "1", "page_size": "20",
        "extensions": "true",
    }  # fmt: skip


def test_the_list_which_tells_of_others_is_apart() -> None:
    """So that nothing of it is kept on record, and no server answers it under the key of the task."""
    (request,), _ = play(adapter().submit(AGAIN))
    assert APART in request.extensions


def test_the_key_is_found_in_an_attribute_too() -> None:
    entries = [{"service_request_id": "9", "description": "x", "extended_attributes": [{"value": KEY}]}]
    _, outcome = play(adapter().submit(AGAIN), entries)
    assert outcome == Received("requests/9", 600)


@pytest.mark.parametrize(
    "empty", [[], listed("others"), f"{XML}<service_requests/>"], ids=["json", "others", "xml"]
)
def test_a_request_that_is_not_in_the_list_is_filed(empty: Any) -> None:
    requests, outcome = play(adapter().submit(AGAIN), empty, about())
    assert [request.method for request in requests] == ["GET", "POST"]
    assert outcome == FOLLOWED


def test_two_tries_file_the_same_bytes() -> None:
    (first,), _ = play(adapter().submit(FIRST))
    (_, second), _ = play(adapter().submit(AGAIN), [])
    assert first.read() == second.read()


def test_the_list_is_searched_to_its_end() -> None:
    full = listed(*["x"] * PAGE_SIZE)
    requests, outcome = play(adapter().submit(AGAIN), full, listed("y", KEY, start=21))
    assert [query(request)["page"] for request in requests] == ["1", "2"]
    assert outcome == Received("requests/22", 600)


def test_a_server_without_pages_is_asked_twice_at_most() -> None:
    everything = listed(*["x"] * (PAGE_SIZE + 1))
    requests, _ = play(adapter().submit(AGAIN), everything, everything)
    assert [request.method for request in requests] == ["GET", "GET", "POST"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(said([{"service_request_id": 1, "description": None}]), id="descriptions are kept back"),
        pytest.param(said([{"code": 403, "description": "no"}]), id="an error"),
        pytest.param(
            httpx2.Response(200, headers={"content-type": "text/html"}, content=b"<p>"), id="a page"
        ),
        pytest.param(said(f"{XML}<service_requests><request>"), id="cut off"),
        pytest.param(httpx2.Response(204), id="nothing"),
    ],
)
def test_what_cannot_be_searched_is_no_reason_to_file_again(answer: httpx2.Response) -> None:
    requests, outcome = play(adapter().submit(AGAIN), answer)
    assert isinstance(outcome, TryLater)
    assert len(requests) == 1


def test_an_endless_list_is_no_reason_to_file_again() -> None:
    pages = [listed(*["x"] * PAGE_SIZE, start=PAGE_SIZE * page) for page in range(MOST_PAGES)]
    requests, outcome = play(adapter().submit(AGAIN), *pages)
    assert isinstance(outcome, TryLater)
    assert len(requests) == MOST_PAGES


def test_where_the_server_honours_keys_nothing_is_searched() -> None:
    (first,), _ = play(adapter(again="key").submit(FIRST))
    (second,), _ = play(adapter(again="key").submit(AGAIN))
    assert (second.method, second.read()) == ("POST", first.read())


def test_where_nothing_helps_a_second_filing_says_that_it_may_be_one() -> None:
    (first,), _ = play(adapter(again="mark").submit(FIRST))
    (second,), _ = play(adapter(again="mark").submit(replace(FIRST, attempt=3)))
    assert form(first)["description"] == [f"户口登记\n[onenet {KEY}]"]
    assert "第 3 次提交，可能已立案" in form(second)["description"][0]


# ---- following


def test_a_request_is_asked_about_by_its_id() -> None:
    requests, outcome = play(
        adapter(format="json").poll(FIRST, "requests/a%2Fb"), about(service_request_id="a/b")
    )
    assert (requests[0].method, path(requests[0])) == ("GET", "/open311/v2/requests/a%2Fb.json")
    assert query(requests[0]) == {}
    assert outcome == Received("requests/a%2Fb", 600)


def test_a_token_is_asked_for_its_id_and_the_id_for_its_status() -> None:
    requests, outcome = play(
        adapter().poll(FIRST, "tokens/12"),
        [{"service_request_id": 0, "token": 12}],
        about(service_request_id="0"),
    )
    assert [path(request) for request in requests] == [
        "/open311/v2/tokens/12.xml",
        "/open311/v2/requests/0.xml",
    ]
    assert outcome == Received("requests/0", 600)


@pytest.mark.parametrize(
    "nothing",
    [[{"token": "12", "service_request_id": ""}], [{"token": "12"}], [], f"{XML}<service_requests/>"],
)
def test_a_token_without_an_id_is_asked_again(nothing: Any) -> None:
    _, outcome = play(adapter(poll_after_s=5).poll(FIRST, "tokens/12"), nothing)
    assert outcome == Received("tokens/12", 5)


def test_without_id_and_token_the_request_is_searched_for() -> None:
    _, outcome = play(adapter().poll(FIRST, None), listed("others", KEY))
    assert outcome == Received("requests/2", 600)
    _, outcome = play(adapter().poll(FIRST, None), [])
    assert outcome == Received(None, 600)


def test_closed_is_completed_with_the_notes_as_the_opinion() -> None:
    _, outcome = play(adapter().poll(FIRST, "requests/8001"), about(status="closed", status_notes="已修复"))
    assert outcome == Completed(opinion="已修复")


MEANINGS = {
    "open": Received, "for_triage": Received, "internal_referral": Received, "investigating": Accepted,
    "in_progress": Accepted, "planned": Accepted, "action_scheduled": Accepted, "closed": Completed,
    "fixed": Completed, "not_councils_responsibility": Rejected, "no_further_action": Unclear,
    "duplicate": Unclear,
}  # fmt: skip


def test_every_word_of_the_table_has_its_meaning() -> None:
    outcomes = {
        word: play(adapter().poll(FIRST, "requests/8001"), about(status=word, status_notes="x"))[1]
        for word in STATUSES
    }
    assert {word: type(outcome) for word, outcome in outcomes.items()} == MEANINGS


@pytest.mark.parametrize("word", ["In Progress", "IN_PROGRESS", " in-progress "])
def test_a_word_is_read_whatever_its_spelling(word: str) -> None:
    _, outcome = play(adapter().poll(FIRST, "requests/8001"), about(status=word))
    assert outcome == Accepted()


@pytest.mark.parametrize("word", ["resolved", "", None, 1, True, ["closed"], "closed!"])
def test_a_word_that_is_not_in_the_table_is_unclear(word: Any) -> None:
    _, outcome = play(adapter().poll(FIRST, "requests/8001"), about(status=word))
    assert isinstance(outcome, Unclear)
    assert "resolved" not in outcome.reason


def test_a_refusal_without_its_reason_is_unclear() -> None:
    _, outcome = play(adapter().poll(FIRST, "requests/8001"), about(status="not_councils_responsibility"))
    assert isinstance(outcome, Unclear)


def test_the_options_have_the_last_word_on_a_word() -> None:
    statuses = {
        "closed": {"outcome": "unclear", "reason": "closed alone does not say how"},
        "granted": {"outcome": "completed", "results": [{"code": "p", "number": "${/service_request_id}"}]},
    }
    ours = adapter(statuses=statuses)
    _, outcome = play(ours.poll(FIRST, "requests/8001"), about(status="closed"))
    assert outcome == Unclear("closed alone does not say how")
    _, outcome = play(ours.poll(FIRST, "requests/8001"), about(status="granted"))
    assert outcome == Completed((ResultGiven("p", "8001"),))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(about(service_request_id="8002", status="closed"), id="another"),
        pytest.param(about() + about(service_request_id="8002"), id="two"),
    ],
)
def test_an_answer_about_another_request_is_unclear(answer: Any) -> None:
    _, outcome = play(adapter().poll(FIRST, "requests/8001"), answer)
    assert isinstance(outcome, Unclear)


@pytest.mark.parametrize(
    "answer", [[], [{"code": 404, "description": "unknown"}], httpx2.Response(200, content=b"")], ids=str
)
def test_a_request_that_they_do_not_tell_of_is_asked_about_again(answer: Any) -> None:
    _, outcome = play(adapter().poll(FIRST, "requests/8001"), answer)
    assert isinstance(outcome, TryLater)


# ---- notes and updates


def test_the_last_note_is_the_opinion_where_the_status_has_none() -> None:
    notes = [
        {"datetime": "2026-11-24T09:00:00+08:00", "description": "second", "type": "closed"},
        {"datetime": "2026-11-24T00:30:00Z", "description": "first", "type": "in_progress"},
    ]
    requests, outcome = play(
        adapter(follow="notes").poll(FIRST, "requests/8001"), about(status="closed", notes=notes)
    )
    assert query(requests[0]) == {"extensions": "true"}
    assert outcome == Completed(opinion="second")


def test_notes_are_read_in_xml_too() -> None:
    document = (
        f"{XML}<service_requests><request><service_request_id>8001</service_request_id><status>closed</status>"
        "<notes><note><datetime>x</datetime><description>好</description></note></notes></request></service_requests>"
    )
    _, outcome = play(adapter(follow="notes").poll(FIRST, "requests/8001"), document)
    assert outcome == Completed(opinion="好")


def updated(status: str, at: str, text: str = "", **changes: Any) -> dict[str, Any]:
    told = {"update_id": at, "service_request_id": 8001, "status": status, "updated_datetime": at}
    return told | {"description": text} | changes


def test_the_last_update_about_the_request_is_its_word() -> None:
    updates = [
        updated("FIXED", "2026-11-24T10:00:00+08:00", "修好了"),
        updated("investigating", "2026-11-24T01:59:00Z"),
        updated("duplicate", "2026-11-24T03:00:00Z", service_request_id="8002"),
    ]
    requests, outcome = play(
        adapter(follow="updates").poll(FIRST, "requests/8001"),
        about(updated_datetime="2026-11-24T10:00:00+08:00"),
        updates,
    )
    assert path(requests[1]) == "/open311/v2/servicerequestupdates.xml"
    assert query(requests[1]) == {
        "start_date": "2026-11-24T01:00:00Z", "end_date": "2026-11-24T03:00:00Z", "api_key": "example-key",
    }  # fmt: skip
    assert outcome == Completed(opinion="修好了")


def test_of_two_updates_in_one_second_the_later_in_the_document_counts() -> None:
    at = "2026-11-24T02:00:00Z"
    _, outcome = play(
        adapter(follow="updates").poll(FIRST, "requests/8001"),
        about(status="closed", updated_datetime=at),
        [updated("in_progress", at), updated("closed", at)],
    )
    assert outcome == Completed()


def test_without_an_update_the_request_speaks_for_itself() -> None:
    _, outcome = play(adapter(follow="updates").poll(FIRST, "requests/8001"), about(status="closed"), [])
    assert outcome == Completed()


def test_closed_with_a_last_update_that_goes_on_is_unclear() -> None:
    _, outcome = play(
        adapter(follow="updates").poll(FIRST, "requests/8001"),
        about(status="closed"),
        [updated("internal_referral", "2026-11-24T01:59:00Z")],
    )
    assert isinstance(outcome, Unclear)


def test_closed_with_a_last_update_that_refuses_is_a_refusal() -> None:
    _, outcome = play(
        adapter(follow="updates").poll(FIRST, "requests/8001"),
        about(status="closed"),
        [updated("not_councils_responsibility", "2026-11-24T01:59:00Z", "归省里管")],
    )
    assert outcome == Rejected("not_competent", "归省里管")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon", None, 7])
def test_a_time_that_is_none_does_no_harm(at: Any) -> None:
    requests, outcome = play(
        adapter(follow="updates").poll(FIRST, "requests/8001"),
        about(updated_datetime=at),
        [updated("fixed", at)],
    )
    assert outcome == Completed()
    assert query(requests[1])["start_date"] == "2026-11-23T07:00:00Z"


def test_the_key_stands_in_an_address_only_where_it_must() -> None:
    (plain,), _ = play(adapter().poll(FIRST, "requests/8001"))
    (keyed,), _ = play(adapter(key_when_reading=True).poll(FIRST, "requests/8001"))
    assert ("api_key" in query(plain), query(keyed)["api_key"]) == (False, "example-key")


# ---- registering


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "html"}, "/format: expected 'xml' or 'json'"),
        ({"services": {}}, "/services: "),
        (
            {"services": {"x": {"code": 1, "codee": 1}}},
            "/services/x/codee: unknown key codee; known here are: code, attributes",
        ),
        ({"services": {"x": {"code": 1, "attributes": {"A": "${/applicnt}"}}}}, "/applicnt leads nowhere"),
        (
            {"services": {"x": {"code": 1, "attributes": {"A": {"b": 1}}}}},
            "expected a text, a number, or a list",
        ),
        ({"fields": {"description": "x"}}, "/fields: expected a location: lat and long, address_string or"),
        ({"fields": {"lat": 1, "address_id": 1}}, "/fields: expected lat and long, or neither"),
        ({"fields": {"address_id": 1, "zip": 2}}, "/fields/zip: unknown key zip; known here are: lat, long"),
        ({"fields": {"address_id": ["a"]}}, "/fields/address_id: expected one text or number"),
        ({"fields": {"address_id": "${x"}}, "/fields/address_id: expected each ${"),
        ({"statuses": {"In Progress": {"outcome": "accepted"}}}, "expected small letters, with _ for blanks"),
        ({"statuses": {"done": {"outcome": "finished"}}}, "/statuses/done/outcome: expected outcome: one of"),
        ({"poll_after_s": 0}, "/poll_after_s: expected greater than or equal to 1"),
        ({"api_key": "geheim"}, "/api_key: unknown key api_key; known here are: format"),
    ],
)
def test_what_is_wrong_with_the_options_is_told_with_its_place(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(MisconfiguredError) as refused:
        adapter(**changes)
    assert told in str(refused.value.detail)


def test_all_faults_are_told_at_once() -> None:
    wrong = GEOREPORT | {"fields": {"zip": 1, "address_id": "${/x}"}, "statuses": {"a": {"outcome": "b"}}}
    assert [fault.where for fault in faults(wrong)] == [
        ("fields", "zip"), ("fields", "address_id"), ("statuses", "a", "outcome"),
    ]  # fmt: skip


def test_without_the_key_of_the_server_nothing_is_registered() -> None:
    with pytest.raises(MisconfiguredError, match="api_key"):
        Open311(make_endpoint("http://city.example", "open311", credentials={}))
