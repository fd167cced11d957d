import json

import pytest

from collector.simulator.malformed import TEXTS, VALUES

NELLIE = json.dumps({"success": True, "totalRequests": 1, "totalCreditsUsed": 0, "recentRequests": []})
NECTED = json.dumps({"data": {"invocations": 1}, "code": "success", "message": "Success."})


def keys_of(text: str) -> list[str]:
    return [key for key, _ in json.loads(text, object_pairs_hook=list)]


@pytest.mark.parametrize("name", ["empty", "html", "trailing_text", "truncated"])
@pytest.mark.parametrize("text", [pytest.param(NELLIE, id="nellie"), pytest.param(NECTED, id="nected")])
def test_a_broken_text_is_no_json(name: str, text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(TEXTS[name](text))


@pytest.mark.parametrize("text", [pytest.param(NELLIE, id="nellie"), pytest.param(NECTED, id="nected")])
def test_an_array_holds_the_answer(text: str) -> None:
    assert json.loads(TEXTS["array"](text)) == [json.loads(text)]


@pytest.mark.parametrize(
    ("text", "twice"),
    [pytest.param(NELLIE, "recentRequests", id="nellie"), pytest.param(NECTED, "message", id="nected")],
)
def test_a_duplicate_key_stands_twice(text: str, twice: str) -> None:
    assert keys_of(TEXTS["duplicate_key"](text)) == [*keys_of(text), twice]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("float_counter", "8750.0", id="float"),
        pytest.param("nan_counter", "NaN", id="nan"),
        pytest.param("negative_counter", "-8751", id="negative"),
        pytest.param("null_counter", "null", id="null"),
        pytest.param("text_counter", '"8750"', id="text"),
    ],
)
def test_a_wrong_value_stands_where_the_counter_belongs(name: str, expected: str) -> None:
    assert json.dumps(VALUES[name](8_750)) == expected
