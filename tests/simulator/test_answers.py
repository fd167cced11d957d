import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from collector.simulator.answers import Question, Reply, account_of, answer, key_of
from collector.simulator.rhythm import Burst, Workload
from collector.simulator.switches import HEALTHY, STATUSES, Glitch, Step, Switches
from collector.simulator.traffic import Traffic

AT = datetime(2026, 3, 10, 14, 20, 0, 250_000, tzinfo=UTC)
KEY = "nel_key"
TRAFFIC = Traffic(seed=1)
TRUTH = TRAFFIC.history(KEY)

NELLIE = Question("GET", "/v1/usage", {"X-API-Key": KEY}, AT)
NECTED = Question("GET", "/dev/usage", {"Nected-API-Key": KEY}, AT)
BOTH = [pytest.param(NELLIE, id="nellie"), pytest.param(NECTED, id="nected")]

# The documents' samples, to the letter.
NELLIE_SAMPLE = """{
  "success": true, "totalRequests": 42, "totalCreditsUsed": 8750,
  "recentRequests": [
    {"requestId": "abcd1234-ef56-7890-abcd-12ef34567890", "status": "completed",
     "createdAt": "2025-12-03T10:30:00Z", "completedAt": "2025-12-03T10:55:00Z", "creditsUsed": 250}
  ]
}"""
NECTED_SAMPLE = """{"data": {"invocations": 1000}, "code": "success", "message": "Success."}"""


def reply_to(question: Question, switches: Switches = HEALTHY) -> Reply:
    return answer(question, TRAFFIC, switches, lambda key: key == KEY)


def body_of(question: Question, switches: Switches = HEALTHY) -> Any:
    return json.loads(reply_to(question, switches).body)


def shape_of(value: object) -> object:
    """Return the keys, in their order, and types of a JSON value; a list has the shapes of its items."""
    if isinstance(value, dict):
        return [(key, shape_of(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [shape_of(item) for item in value]
    return type(value)


def test_nellies_answer_has_the_samples_keys_and_types() -> None:
    final = next(item for item in body_of(NELLIE)["recentRequests"] if item["completedAt"])

    assert shape_of({**body_of(NELLIE), "recentRequests": [final]}) == shape_of(json.loads(NELLIE_SAMPLE))


def test_necteds_answer_has_the_samples_keys_and_types() -> None:
    assert shape_of(body_of(NECTED)) == shape_of(json.loads(NECTED_SAMPLE))


def test_nected_answers_with_the_samples_code_and_message() -> None:
    assert (body_of(NECTED)["code"], body_of(NECTED)["message"]) == ("success", "Success.")


def test_nellies_counters_are_the_truth() -> None:
    body = body_of(NELLIE)

    assert (body["totalRequests"], body["totalCreditsUsed"]) == (TRUTH.requests_at(AT), TRUTH.credits_at(AT))


def test_necteds_counter_is_the_truth() -> None:
    assert body_of(NECTED)["data"] == {"invocations": TRUTH.invocations_at(AT)}


def test_the_list_has_twenty_requests_and_the_most_recent_is_first() -> None:
    listed = [item["requestId"] for item in body_of(NELLIE)["recentRequests"]]

    assert listed == [record.request_id for record in TRUTH.recent(AT, 20)]


def test_a_running_request_has_no_end_and_no_credits() -> None:
    running = [item for item in body_of(NELLIE)["recentRequests"] if item["status"] == "processing"]

    assert {(item["completedAt"], item["creditsUsed"]) for item in running} == {(None, 0)}


def test_timestamps_are_in_utc_with_seconds_or_milliseconds() -> None:
    listed = body_of(NELLIE, Switches(window=200))["recentRequests"]

    assert {len(item["createdAt"]) for item in listed} == {len("2025-12-03T10:30:00Z"), len("2025-12-03T10:30:00.123Z")}


def test_timestamps_read_back_as_the_truth() -> None:
    listed = body_of(NELLIE, Switches(window=200))["recentRequests"]

    assert [datetime.fromisoformat(item["createdAt"]) for item in listed] == [
        r.created_at for r in TRUTH.recent(AT, 200)
    ]


def test_the_document_gives_nellies_401() -> None:
    reply = reply_to(replace(NELLIE, headers={}))

    assert (reply.status, json.loads(reply.body)) == (
        401,
        {
            "success": False,
            "error": "Unauthorized",
            "details": "Valid API key required",
            "errorCode": "AUTH_REQUIRED",
        },
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no header"),
        pytest.param({"X-API-Key": ""}, id="empty"),
        pytest.param({"X-API-Key": "  "}, id="blank"),
        pytest.param({"X-API-Key": "nel_wrong"}, id="wrong key"),
        pytest.param({"Nected-API-Key": KEY}, id="the other provider's header"),
    ],
)
def test_a_question_without_a_valid_key_is_refused(headers: dict[str, str]) -> None:
    assert reply_to(replace(NELLIE, headers=headers)).status == 401


def test_the_names_of_headers_have_no_case() -> None:
    assert reply_to(replace(NELLIE, headers={"x-api-key": KEY})).status == 200


@pytest.mark.parametrize(
    ("status", "code"), [(401, "UNAUTHORIZED"), (429, "TOO_MANY_REQUESTS"), (500, "INTERNAL_SERVER_ERROR")]
)
def test_necteds_errors_have_the_documents_codes(status: int, code: str) -> None:
    assert body_of(NECTED, Switches(status=status))["code"] == code


@pytest.mark.parametrize("status", STATUSES)
def test_necteds_errors_keep_the_envelope(status: int) -> None:
    assert shape_of(body_of(NECTED, Switches(status=status))) == [("code", str), ("message", str)]


@pytest.mark.parametrize("status", STATUSES)
def test_nellies_errors_have_the_shape_of_its_401(status: int) -> None:
    assert shape_of(body_of(NELLIE, Switches(status=status))) == shape_of(body_of(replace(NELLIE, headers={})))


@pytest.mark.parametrize("question", BOTH)
@pytest.mark.parametrize("status", STATUSES)
def test_the_status_switch_sets_the_status(question: Question, status: int) -> None:
    assert reply_to(question, Switches(status=status)).status == status


@pytest.mark.parametrize("question", BOTH)
def test_the_status_switch_ends_after_its_times(question: Question) -> None:
    switches = Switches(status=500, times=2)

    assert [reply_to(replace(question, index=n), switches).status for n in range(4)] == [500, 500, 200, 200]


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        pytest.param(Switches(status=429), "30", id="429"),
        pytest.param(Switches(status=429, retry_after="120"), "120", id="429 with another text"),
        pytest.param(Switches(status=429, retry_after=""), None, id="429 without"),
        pytest.param(Switches(status=503), None, id="503"),
        pytest.param(Switches(status=503, retry_after="7"), "7", id="503 with a text"),
        pytest.param(Switches(status=500, retry_after="7"), None, id="500"),
    ],
)
def test_retry_after_stands_beside_429_and_503(switches: Switches, expected: str | None) -> None:
    assert reply_to(NELLIE, switches).headers.get("Retry-After") == expected


def test_success_false_is_nellies_200_that_failed() -> None:
    reply = reply_to(NELLIE, Switches(success_false=True))

    assert (reply.status, json.loads(reply.body)["success"]) == (200, False)


def test_success_false_is_necteds_200_with_another_code() -> None:
    reply = reply_to(NECTED, Switches(success_false=True))

    assert (reply.status, json.loads(reply.body)["code"]) == (200, "INTERNAL_SERVER_ERROR")


def test_an_unknown_path_is_not_found() -> None:
    assert reply_to(replace(NELLIE, path="/v1/usages")).status == 404


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        pytest.param("/v1/models", {"success", "error", "details", "errorCode"}, id="nellie"),
        pytest.param("/dev/other", {"code", "message"}, id="nected"),
    ],
)
def test_not_found_has_the_shape_of_the_nearest_provider(path: str, keys: set[str]) -> None:
    assert set(body_of(replace(NELLIE, path=path))) == keys


@pytest.mark.parametrize("question", BOTH)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])
def test_another_method_is_not_allowed(question: Question, method: str) -> None:
    reply = reply_to(replace(question, method=method))

    assert (reply.status, reply.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("window", [0, 1, 37])
def test_the_window_switch_sets_the_length_of_the_list(window: int) -> None:
    assert len(body_of(NELLIE, Switches(window=window))["recentRequests"]) == window


def test_a_reset_restarts_every_counter() -> None:
    switches = Switches(resets=(AT + timedelta(microseconds=1),))
    nellie, nected = (body_of(replace(question, instant=switches.resets[0]), switches) for question in (NELLIE, NECTED))

    assert (nellie["totalRequests"], nellie["totalCreditsUsed"], nected["data"]["invocations"]) == (0, 0, 0)


def test_a_correction_lowers_its_counter() -> None:
    body = body_of(NELLIE, Switches(corrections=(Step("credits", 250, AT),)))

    assert body["totalCreditsUsed"] == TRUTH.credits_at(AT) - 250


def test_an_offset_moves_its_counter() -> None:
    body = body_of(NECTED, Switches(offsets=(Step("invocations", 3, AT),)))

    assert body["data"]["invocations"] == TRUTH.invocations_at(AT) + 3


def test_a_glitch_replaces_one_answers_counter() -> None:
    switches = Switches(glitches=(Glitch("requests", 0, 1),))
    totals = [body_of(replace(NELLIE, index=n), switches)["totalRequests"] for n in range(3)]

    assert totals == [TRUTH.requests_at(AT), 0, TRUTH.requests_at(AT)]


def test_a_malformed_counter_stands_in_the_answer() -> None:
    assert body_of(NELLIE, Switches(malformed="text_counter"))["totalCreditsUsed"] == str(TRUTH.credits_at(AT))


def test_a_malformed_text_is_sent() -> None:
    whole, half = reply_to(NECTED).body, reply_to(NECTED, Switches(malformed="truncated")).body

    assert half == whole[: len(whole) // 2]


def test_html_is_sent_as_html() -> None:
    assert reply_to(NELLIE, Switches(malformed="html")).headers["Content-Type"].startswith("text/html")


def test_malformed_ends_after_its_times() -> None:
    reply = reply_to(replace(NECTED, index=1), Switches(malformed="empty", times=1))

    assert reply == reply_to(NECTED)


@pytest.mark.parametrize("question", BOTH)
def test_answers_are_json(question: Question) -> None:
    assert reply_to(question).headers["Content-Type"] == "application/json"


def test_a_key_is_read_without_its_blanks() -> None:
    assert key_of(replace(NELLIE, headers={"X-API-Key": f" {KEY} "})) == KEY


def test_one_key_at_two_providers_is_two_accounts() -> None:
    assert account_of(NELLIE) != account_of(NECTED)


def test_an_instant_may_be_in_any_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))

    assert reply_to(replace(NELLIE, instant=elsewhere)) == reply_to(NELLIE)


def test_a_burst_overruns_the_list() -> None:
    start = AT.replace(minute=0, second=0, microsecond=0)
    workload = Workload(bursts=(Burst(start, start + timedelta(minutes=20), 60),))
    bursting = Traffic(workload=workload)
    listed = json.loads(answer(NELLIE, bursting, HEALTHY, lambda key: key == KEY).body)["recentRequests"]

    assert len(bursting.history(KEY).requests_between(start, AT)) > len(listed) == 20
