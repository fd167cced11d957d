from __future__ import annotations

import pytest

from collector.domain.accounts import Meter, MeterKind
from collector.errors import AnswerRejectedError
from collector.providers.contract import ApiRequest, Provider
from collector.providers.nected import Nected

NECTED: Provider = Nected()


def test_asks_as_the_reference_says() -> None:
    assert NECTED.request() == ApiRequest("/dev/usage", "Nected-API-Key")


def test_address_is_the_reference_endpoint() -> None:
    assert NECTED.base_url + NECTED.request().path == "https://api.nected.ai/dev/usage"


def test_names_are_those_of_the_vocabulary() -> None:
    assert (NECTED.name, NECTED.title, NECTED.key_env) == ("nected", "Nected", "NECTED_API_KEY")


def test_only_meter_is_the_count_of_invocations() -> None:
    assert NECTED.meters == (Meter("invocations", "invocations", 0, MeterKind.COUNTER),)


def test_no_counter_is_tied_to_a_list() -> None:
    assert NECTED.requests_meter is None


@pytest.mark.parametrize("code", ["SUCCESS", "", "UNAUTHORIZED", "success "])
def test_any_other_code_is_a_reported_error(code: str) -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        NECTED.parse({"data": {"invocations": 1000}, "code": code})
    assert refused.value.outcome == "api_error"


def test_denied_success_without_a_code_is_a_reported_error() -> None:
    with pytest.raises(AnswerRejectedError, match="without saying which") as refused:
        NECTED.parse({"success": False})
    assert refused.value.outcome == "api_error"


def test_reported_error_quotes_code_and_message() -> None:
    with pytest.raises(AnswerRejectedError, match=r"\(TOO_MANY_REQUESTS: Rate limit exceeded\)"):
        NECTED.parse({"code": "TOO_MANY_REQUESTS", "message": "Rate limit exceeded"})


def test_message_is_not_needed_to_be_text() -> None:
    assert NECTED.parse({"data": {"invocations": 7}, "code": "success", "message": None}).counters == {"invocations": 7}
