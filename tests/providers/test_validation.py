from __future__ import annotations

from datetime import date

import pytest

from collector.errors import AnswerRejectedError
from collector.providers.validation import (
    Counter,
    Documented,
    answer_rejected,
    object_of,
    read_as,
    reported_error,
    unknown_fields,
)


class _Inner(Documented):
    used_up: Counter


class _Outer(Documented):
    inner_part: _Inner


class _Dated(Documented):
    day: date


def outcome_of(payload: dict[str, object]) -> str:
    with pytest.raises(AnswerRejectedError) as refused:
        read_as(_Outer, payload, "Someone")
    return refused.value.outcome


def test_fields_are_named_as_in_the_payload() -> None:
    assert read_as(_Outer, {"innerPart": {"usedUp": 3}}, "Someone").inner_part.used_up == 3


def test_python_s_own_names_are_not_taken() -> None:
    assert outcome_of({"inner_part": {"used_up": 3}}) == "schema:innerPart"


def test_place_of_a_nested_fault_is_its_path() -> None:
    assert outcome_of({"innerPart": {"usedUp": "3"}}) == "schema:innerPart.usedUp"


@pytest.mark.parametrize("value", [0, 2**63 - 1])
def test_counter_reaches_from_zero_to_the_largest_stored_integer(value: int) -> None:
    assert read_as(_Inner, {"usedUp": value}, "Someone").used_up == value


def test_refusal_does_not_quote_the_value() -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        read_as(_Inner, {"usedUp": "tell nobody"}, "Someone")
    assert "tell nobody" not in str(refused.value)


def test_refusal_does_not_chain_pydantic_s_error() -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        read_as(_Inner, {"usedUp": "tell nobody"}, "Someone")
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_fault_without_a_sentence_of_its_own_is_still_explained() -> None:
    with pytest.raises(AnswerRejectedError, match="day is not as documented"):
        read_as(_Dated, {"day": 3}, "Someone")


def test_refusal_says_what_was_asked_found_and_can_be_done() -> None:
    assert str(answer_rejected("Someone", "a.b", "a.b is missing")) == (
        "Someone was asked for its usage, but in the answer a.b is missing; nothing was stored: "
        "compare the body kept with the poll with the provider's API reference"
    )


def test_refusal_of_the_whole_answer_has_no_place() -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        object_of([], "Someone")
    assert refused.value.outcome == "schema"


def test_object_is_returned_as_it_came() -> None:
    payload = {"a": 1}
    assert object_of(payload, "Someone") is payload


def test_documented_fields_are_not_unknown() -> None:
    assert unknown_fields(_Outer, {"innerPart": 1, "inner_part": 2}) == {"inner_part"}


def test_no_object_has_no_unknown_fields() -> None:
    assert unknown_fields(_Outer, ["innerPart"]) == set()


def test_long_names_of_unknown_fields_are_cut() -> None:
    assert [len(name) for name in unknown_fields(_Outer, {"x" * 5000: 1}, "data.")] == [200]


def test_reported_error_leaves_out_what_was_not_told() -> None:
    error = reported_error("Someone", {"a": None, "c": "why"}, ("a", "b", "c"))
    assert "reported an error (why);" in str(error)


def test_reported_error_quotes_what_is_no_text_as_json() -> None:
    error = reported_error("Someone", {"a": {"n": [1, None]}}, ("a",))
    assert '({"n": [1, null]})' in str(error)
