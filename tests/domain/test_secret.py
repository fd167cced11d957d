from __future__ import annotations

import base64
import copy
import json
import pickle
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.secret import Secret

CANARY = "nel_canary/key+with=odd signs~!"
SECRET = Secret(CANARY)
UNDECODABLE = "nel_\udcff\udc80"  # bytes of the environment that are not UTF-8


def test_key_is_given_to_those_who_ask_for_it() -> None:
    assert SECRET.reveal() == CANARY


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(repr(SECRET), id="repr"),
        pytest.param(str(SECRET), id="str"),
        pytest.param(f"{SECRET}", id="f-string"),
        pytest.param(f"{SECRET:>60}", id="format specification"),
        pytest.param(f"{SECRET!s} {SECRET!r}", id="conversions"),
        pytest.param("%s %r" % (SECRET, SECRET), id="percent"),  # noqa: UP031  the old way must not leak either
        pytest.param(repr({"key": [SECRET]}), id="in a container"),
    ],
)
def test_key_is_not_shown(shown: str) -> None:
    assert not any(CANARY[at : at + 8] in shown for at in range(len(CANARY) - 7))


def test_shown_form_tells_two_keys_apart() -> None:
    assert repr(SECRET) != repr(Secret("another"))


def test_fingerprint_is_the_end_of_the_sha_256() -> None:
    assert Secret("abc").fingerprint() == "15ad"  # FIPS 180-2, appendix B.1: …f20015ad


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_key_is_never_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(SECRET, protocol)


def test_state_of_a_key_is_not_told() -> None:
    with pytest.raises(TypeError, match="never pickled"):
        SECRET.__getstate__()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_key_is_never_copied(duplicate: object) -> None:
    assert callable(duplicate)
    with pytest.raises(TypeError, match="never pickled"):
        duplicate(SECRET)


def test_key_is_never_written_as_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"key": SECRET})


def test_key_has_no_attributes_to_be_listed() -> None:
    with pytest.raises(TypeError):
        vars(SECRET)


def test_same_key_is_equal_and_hashes_alike() -> None:
    assert {SECRET, Secret(CANARY)} == {SECRET}


@pytest.mark.parametrize("other", [Secret("another"), CANARY, None], ids=["other key", "its text", "nothing"])
def test_key_equals_nothing_else(other: object) -> None:
    assert other != SECRET


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(CANARY, id="plain"),
        pytest.param(quote(CANARY, safe=""), id="URL path"),
        pytest.param(quote_plus(CANARY), id="URL query"),
        pytest.param(base64.b64encode(CANARY.encode()).decode(), id="base64"),
        pytest.param(base64.b64encode(CANARY.encode()).decode().rstrip("="), id="base64 without padding"),
    ],
)
def test_every_form_of_the_key_is_removed_from_text(form: str) -> None:
    assert SECRET.redact(f"a {form} b") == "a [key removed] b"


def test_url_safe_base64_is_removed_from_text() -> None:
    key = "??>>~~"
    form = base64.urlsafe_b64encode(key.encode()).decode()
    assert form != base64.b64encode(key.encode()).decode()
    assert Secret(key).redact(f"a {form} b") == "a [key removed] b"


def test_text_without_the_key_stays_as_it_is() -> None:
    assert SECRET.redact("nothing to see") == "nothing to see"


def test_empty_key_removes_nothing() -> None:
    assert Secret("").redact("nothing to see") == "nothing to see"


@pytest.mark.parametrize("show", [repr, Secret.fingerprint], ids=["repr", "fingerprint"])
def test_key_that_is_no_text_can_still_be_shown_masked(show: object) -> None:
    assert callable(show)
    assert UNDECODABLE not in show(Secret(UNDECODABLE))


def test_key_that_is_no_text_is_removed_too() -> None:
    assert Secret(UNDECODABLE).redact(f"a {UNDECODABLE} b") == "a [key removed] b"


@given(st.text(st.characters(exclude_categories=()), min_size=8), st.text(), st.text())
def test_no_text_keeps_the_key(key: str, before: str, after: str) -> None:
    assert key not in Secret(key).redact(before + key + after) or key in "[key removed]"
