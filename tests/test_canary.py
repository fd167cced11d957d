"""The search for keys finds what it is to find, and nothing else."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import canary
from tests.canary import KEYS, leaks, leaks_in_files

SPELLINGS = {
    "plain": lambda key: key,
    "eight characters": lambda key: f"x{key[9:17]}x",
    "the last eight": lambda key: key[-8:],
    "URL": lambda key: quote(key, safe=""),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 behind one byte": lambda key: base64.b64encode(b"x" + key.encode() + b"yz").decode(),
    "base64 behind two bytes": lambda key: base64.urlsafe_b64encode(b"ab" + key.encode() + b"z").decode(),
    "hexadecimal": lambda key: key.encode().hex(),
    "back to front": lambda key: key[::-1],
}


@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("key", KEYS)
def test_key_is_found_however_it_is_spelt(key: str, spelt: object) -> None:
    assert callable(spelt)
    assert leaks(f"before {spelt(key)} after", key)


@pytest.mark.parametrize("key", KEYS)
def test_every_form_is_found_by_the_quick_look_too(key: str) -> None:
    for form in canary.forms_of(key):
        assert form in leaks(form, key)


def test_seven_characters_are_no_leak() -> None:
    assert not leaks(f"{KEYS[0][3:10]} {KEYS[1][:7]}")


def test_file_that_holds_a_key_among_other_things_is_found(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"said {KEYS[0]}")
    assert list(leaks_in_files(tmp_path)) == [str(path)]
    path.unlink()


def test_file_that_is_a_key_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "nellie.key").write_text(f"{KEYS[1]}\n")
    assert leaks_in_files(tmp_path) == {}


def test_declared_file_may_hold_a_key(tmp_path: Path) -> None:
    canary.meant(tmp_path / "collector.toml").write_text(f"key = {KEYS[1]}")
    assert leaks_in_files(tmp_path) == {}
