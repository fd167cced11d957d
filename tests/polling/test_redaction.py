from __future__ import annotations

import base64
import html
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.secret import Secret
from collector.polling.redaction import IN_FACTS, MASK, Redactor
from tests import canary
from tests.polling.canary import BASE64, KEY, RAW, leaks

SPELLINGS = {
    "plain": RAW,
    "upper case": RAW.upper(),
    "first half": RAW[:14],
    "second half": RAW[14:],
    "eight characters": RAW[5:13],
    "URL": quote(RAW, safe=""),
    "URL in small letters": RAW.replace("+", "%2b").replace("/", "%2f"),
    "URL, every letter": "".join(f"%{ord(one):02x}" for one in RAW),
    "JSON, every letter": "".join(f"\\u{ord(one):04x}" for one in RAW),
    "JSON, one letter": RAW.replace("n", "\\u006e"),
    "JSON, the slash": RAW.replace("/", "\\/"),
    "Python bytes": "".join(f"\\x{ord(one):02x}" for one in RAW),
    "UTF-16": "\0".join(RAW),
    "base64": BASE64,
    "base64 without its end": BASE64[:-6],
    "base64 for URLs": base64.urlsafe_b64encode(RAW.encode()).decode(),
    "hexadecimal": RAW.encode().hex(),
    "hexadecimal in capitals": RAW.encode().hex().upper(),
    "HTML": html.escape(RAW.replace("/", "&#47;").replace("+", "&#x2B;"), quote=False).replace("&amp;", "&"),
    "HTML, every letter": "".join(f"&#{ord(one)};" for one in RAW),
    "HTML in hexadecimal": "".join(f"&#x{ord(one):04X};" for one in RAW),
    "URL twice": "".join(f"%25{ord(one):02x}" for one in RAW),
    "JSON in JSON": "".join(f"\\\\u{ord(one):04x}" for one in RAW),
    "URL in JSON in HTML": "".join(f"\\u0026#{ord(one)};" for one in RAW),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_key_is_removed_however_it_is_spelt(spelling: str) -> None:
    assert Redactor([KEY]).text(f"a «{spelling}» b") == f"a «{MASK}» b"


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"], ids=repr)
@pytest.mark.parametrize("after", ["", "y", "yz"], ids=repr)
def test_no_slice_of_the_base64_of_a_text_around_the_key_survives(before: str, after: str) -> None:
    coded = base64.b64encode(f"{before}{RAW}{after}".encode()).decode()
    assert not canary.leaks(Redactor([KEY]).text(f"Basic {coded}"), RAW)


def test_piece_of_a_fact_shorter_than_sixteen_characters_is_left() -> None:
    assert Redactor([KEY], IN_FACTS).text(f"r-{RAW[:15]}") == f"r-{RAW[:15]}"


@pytest.mark.parametrize("piece", [RAW, RAW[:16], RAW[-16:], "%" + RAW.encode().hex("%")], ids=repr)
def test_longer_piece_of_a_fact_is_removed(piece: str) -> None:
    assert Redactor([KEY], IN_FACTS).text(f"r-{piece}") == f"r-{MASK}"


@pytest.mark.parametrize("text", ["6b", "aw==", "60716b", "a long text with a b c"], ids=repr)
def test_forms_of_a_very_short_key_are_not_looked_for(text: str) -> None:
    assert Redactor([Secret("k")]).text(text) == text


def test_many_keys_are_removed_as_few_are() -> None:
    keys = [Secret(f"another-key-{number:020}") for number in range(50)]
    assert Redactor([*keys, KEY]).text(f"a {RAW[4:20]} b {keys[7].reveal()}") == f"a {MASK} b {MASK}"


@pytest.mark.parametrize("cut", range(1, len(RAW)))
def test_no_slice_of_eight_characters_survives_a_cut(cut: int) -> None:
    shown = Redactor([KEY]).text(f"{RAW[:cut]}… …{RAW[cut:]}")
    assert not leaks(shown)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing to see",
        "nel_Can",
        "r-1 completed, 100 % of 8,750 \\o/ %zz %4",
        "\\u12 \\xzz \\",
        "0123 456 789",
        "Čeština, 日本語, 😀\n",
    ],
)
def test_text_without_the_key_stays_as_it_is(text: str) -> None:
    assert Redactor([KEY]).text(text) == text


def test_every_key_is_removed() -> None:
    redactor = Redactor([Secret("first-key-00"), Secret("second-key-11")])
    assert redactor.text("first-key-00, second-key-11") == f"{MASK}, {MASK}"


def test_key_repeated_without_a_gap_is_removed_as_one() -> None:
    assert Redactor([KEY]).text(RAW * 3) == MASK


def test_short_key_is_removed_whole_only() -> None:
    redactor = Redactor([Secret("abc12")])
    assert redactor.text("abc1 abc12 bc12") == f"abc1 {MASK} bc12"


@pytest.mark.parametrize("keys", [[], [Secret("")]], ids=["no key", "empty key"])
def test_without_a_key_nothing_is_removed(keys: list[Secret]) -> None:
    assert Redactor(keys).text("nothing to see") == "nothing to see"


def test_body_is_cut_after_the_key_was_removed() -> None:
    body = b"x" * 4090 + RAW.encode() + b"y" * 90
    assert Redactor([KEY]).body(body, 4096) == b"x" * 4090 + b"[key r"


def test_body_of_nothing_but_keys_keeps_no_half_of_the_last() -> None:
    assert not leaks(Redactor([KEY]).body(RAW.encode() * 1000, 4096))


def test_body_that_is_no_text_is_escaped() -> None:
    assert Redactor([KEY]).body(b"\xff\x00" + RAW.encode(), 4096) == b"\\xff\x00" + MASK.encode()


def test_body_in_utf_16_is_read_through() -> None:
    kept = Redactor([KEY]).body(f'{{"key": "{RAW}"}}'.encode("utf-16-le"), 4096)
    assert not leaks(kept.replace(b"\0", b""))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40), st.text(), st.text())
def test_no_text_keeps_the_key(key: str, before: str, after: str) -> None:
    assert key not in Redactor([Secret(key)]).text(before + key + after)
