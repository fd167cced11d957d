import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.config.document import Document
from collector.config.wording import SettingPath
from collector.errors import ConfigError

PATH = Path("collector.toml")

FULL = """\
# comment

[database]
url = "sqlite:///usage.db"

[[accounts]]
name = "a"
"provider" = "nellie"
api_key = { env = "A" }
note = '''
[[accounts]]
name = "inside a string"
'''
billing.period = "monthly"

  [accounts.meters.credits]
  quota = {lifetime = 1}

[[ accounts ]]   # spaced
name = "b"
list = [
  1,
  2,
]
[[accounts]]
[accounts.billing]
anchor_day = 1
[http]
deadline = "1s"
"""


def document(text: str) -> Document:
    return Document(PATH, text.encode())


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("database",), 3),
        (("database", "url"), 4),
        (("accounts",), 6),
        (("accounts", 0), 6),
        (("accounts", 0, "name"), 7),
        (("accounts", 0, "provider"), 8),
        (("accounts", 0, "api_key", "env"), 9),
        (("accounts", 0, "note"), 10),
        (("accounts", 0, "billing", "period"), 14),
        (("accounts", 0, "meters"), 16),
        (("accounts", 0, "meters", "credits", "quota", "lifetime"), 17),
        (("accounts", 1), 19),
        (("accounts", 1, "name"), 20),
        (("accounts", 1, "list", 1), 21),
        (("accounts", 2), 25),
        (("accounts", 2, "billing", "anchor_day"), 27),
        (("http", "deadline"), 29),
    ],
    ids=str,
)
def test_setting_is_found_where_its_statement_begins(path: SettingPath, line: int) -> None:
    assert document(FULL).line_of(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [(("accounts", 1, "provider"), 19), (("accounts", 9, "name"), 6), (("database", "url", "x"), 4)],
    ids=str,
)
def test_missing_setting_is_placed_at_the_nearest_table_above(path: SettingPath, line: int) -> None:
    assert document(FULL).line_of(path) == line


@pytest.mark.parametrize("path", [(), ("surprise",)], ids=str)
def test_what_is_nowhere_in_the_file_has_no_line(path: SettingPath) -> None:
    assert document(FULL).line_of(path) is None


def test_windows_line_ends_do_not_move_lines() -> None:
    assert document(FULL.replace("\n", "\r\n")).line_of(("http", "deadline")) == 29


def test_byte_order_mark_is_accepted() -> None:
    assert Document(PATH, b"\xef\xbb\xbfa = 1").content == {"a": 1}


def test_line_is_given_up_where_one_statement_has_thousands() -> None:
    text = "accounts = [\n" + '  { name = "a" },\n' * 4000 + "]\n"

    assert document(text).line_of(("accounts", 3999, "name")) is None


_TEXTS = st.text(st.sampled_from("ab \n[]='#"), max_size=30).map(lambda text: text.replace("''", "'"))


def _statement(key: str, text: str, style: str) -> str:
    if style == "literal":
        return f"{key} = '''\n{text.strip(chr(39))}'''"
    if style == "list":
        return f"{key} = [  # [[accounts]]\n 1,\n\n]"
    return f"{key} = 1 # {key}"


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 2), _TEXTS, st.sampled_from(["literal", "list", "plain"])), max_size=12
    )
)
@example([(True, 0, "\n[[accounts]]\nk0 = 1\n", "literal"), (False, 1, "", "plain")])
def test_line_is_exact_for_any_mixture_of_statements(parts: list[tuple[bool, int, str, str]]) -> None:
    lines: list[str] = []
    expected: dict[SettingPath, int] = {}
    account = -1
    for number, (begins, blank, text, style) in enumerate(parts):
        lines += ["", "# [[accounts]]"][:blank]
        if begins:
            account += 1
            expected["accounts", account] = len(lines) + 1
            lines.append("[[accounts]]")
        key = f"k{number}"
        place: SettingPath = (key,) if account < 0 else ("accounts", account, key)
        expected[place] = len(lines) + 1
        lines += _statement(key, text, style).split("\n")
    read = document("\n".join(lines))

    assert {path: read.line_of(path) for path in expected} == expected


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1\nb = \n", 2, "Invalid value"),
        ("a = 1\na = 2\n", 2, "this key is given twice"),
        ("a = 1\nb = { c = 1, c = 2 }\n", 2, "Duplicate inline table key 'c'"),
        ("[a]\n\n[a]\n", 3, "the table 'a' is given twice"),
        ("[a.b]\n\n[a.b]\n", 3, "the table 'a', 'b' is given twice"),
        ("a = {}\n[a]\n", 2, "twice"),
        ("\n\na = [1,\n", 3, ""),
        ("a = '''\n\n", 1, ""),
        ("[" * 5000, 1, ""),
    ],
    ids=lambda value: str(value)[:20],
)
def test_broken_grammar_is_named_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document(text)
    message = str(caught.value)
    assert message.startswith(f"collector.toml, line {line}: not valid TOML: ")
    assert reason in message


def test_wrong_encoding_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match="line 3: not UTF-8"):
        Document(PATH, b"a = 1\n\nb = '\xe9'\n")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000], ids=["depth", "digits"])
def test_monstrous_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"nested too deeply|thousands of digits"):
        document(text)


@given(st.binary(max_size=200) | st.text(st.sampled_from("a[]{}='\"\n.,#1-:T "), max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_explained(raw: bytes) -> None:
    with contextlib.suppress(ConfigError):
        Document(PATH, raw)
