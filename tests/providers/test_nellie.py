from __future__ import annotations

import json
from pathlib import Path

import pytest
from nellie_api.types import Usage

from collector.domain.accounts import Counts, Meter, MeterKind
from collector.domain.instants import parse_instant
from collector.errors import AnswerRejectedError
from collector.providers.contract import ApiRequest, Provider
from collector.providers.nellie import Nellie

NELLIE: Provider = Nellie()
SAMPLE = json.loads((Path(__file__).parent / "payloads" / "nellie" / "sample.json").read_text("utf-8"))


def test_asks_as_the_reference_says() -> None:
    assert NELLIE.request() == ApiRequest("/v1/usage", "X-API-Key")


def test_address_is_the_reference_endpoint() -> None:
    assert NELLIE.base_url + NELLIE.request().path == "https://api.nelliewriter.com/v1/usage"


def test_names_are_those_of_the_vocabulary() -> None:
    assert (NELLIE.name, NELLIE.title, NELLIE.key_env) == ("nellie", "Nellie Writer", "NELLIE_API_KEY")


def test_meters_are_requests_and_credits() -> None:
    assert NELLIE.meters == (
        Meter("requests", "requests", 0, MeterKind.COUNTER, Counts.REQUESTS),
        Meter("credits", "credits", 0, MeterKind.COUNTER, Counts.CREDITS),
    )


def test_list_is_tied_to_the_counter_of_requests() -> None:
    assert NELLIE.requests_meter in {meter.name for meter in NELLIE.meters}


def test_every_answer_carries_every_meter() -> None:
    assert set(NELLIE.parse(SAMPLE).counters) == {meter.name for meter in NELLIE.meters}


def test_counters_agree_with_the_provider_s_own_client() -> None:
    theirs = Usage.from_api_response(SAMPLE)
    assert NELLIE.parse(SAMPLE).counters == {"requests": theirs.total_requests, "credits": theirs.total_credits_used}


def test_records_agree_with_the_provider_s_own_client() -> None:
    theirs = Usage.from_api_response(SAMPLE).recent_requests
    assert [
        (one.request_id, one.status, one.created_at, one.completed_at, one.credits_used)
        for one in NELLIE.parse(SAMPLE).requests
    ] == [
        (one.request_id, one.status, parse_instant(one.created_at), parse_instant(one.completed_at), one.credits_used)
        for one in theirs
    ]


@pytest.mark.parametrize("success", [None, "true", 1, [], {}], ids=str)
def test_success_that_is_no_boolean_is_refused(success: object) -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        NELLIE.parse({**SAMPLE, "success": success})
    assert refused.value.outcome == "schema:success"


def test_denied_success_is_a_reported_error_even_with_good_counters() -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        NELLIE.parse({**SAMPLE, "success": False})
    assert refused.value.outcome == "api_error"


def test_reported_error_quotes_code_error_and_details() -> None:
    with pytest.raises(AnswerRejectedError, match=r"\(AUTH_REQUIRED: Unauthorized: Valid API key required\)"):
        NELLIE.parse(
            {
                "success": False,
                "error": "Unauthorized",
                "details": "Valid API key required",
                "errorCode": "AUTH_REQUIRED",
            }
        )


def test_bad_counter_is_named_before_a_bad_list() -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        NELLIE.parse({**SAMPLE, "totalCreditsUsed": None, "recentRequests": None})
    assert refused.value.outcome == "schema:totalCreditsUsed"
