from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.errors import UsageError
from reports.invoices import COLUMNS, MOST_LINES, InvoiceLine, parse_invoice, read_invoice

HEADER = ",".join(COLUMNS)
OCTOBER = "2026-10-01,2026-11-01"
LINE = InvoiceLine(
    "i.csv, line 2", "nellie", "credits", date(2026, 10, 1), date(2026, 11, 1), Decimal(1234), Decimal("4.94"), "EUR"
)


def lines(text: str | bytes, name: str = "i.csv") -> tuple[InvoiceLine, ...]:
    return parse_invoice(text if isinstance(text, bytes) else text.encode(), name).lines


def quantities(*written: str) -> list[Decimal | None]:
    rows = "".join(f'a{n},credits,{OCTOBER},"{one}",,\n' for n, one in enumerate(written))
    return [line.quantity for line in lines(f"{HEADER}\n{rows}")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEADER}\nnellie,credits,{OCTOBER},1234,4.94,EUR\n", id="as documented"),
        pytest.param(f"\ufeff{HEADER}\r\nnellie,credits,{OCTOBER},1234,4.94,EUR\r\n", id="byte order mark, windows"),
        pytest.param(
            f"Account;Meter;Period Start;Period-End;QUANTITY;Amount;Currency\n"
            f"nellie;credits;{OCTOBER.replace(',', ';')};1234;4,94;eur\n",
            id="semicolons, capitals, blanks, decimal comma",
        ),
        pytest.param(
            "currency\tamount\tquantity\tperiod_end\tperiod_start\tmeter\taccount\n"
            "EUR\t4.94\t1234\t2026-11-01\t2026-10-01\tcredits\tnellie",
            id="tabs, another order",
        ),
        pytest.param(
            f'{HEADER}\n"nellie","credits",{OCTOBER},"1,234","4.94",EUR\n', id="grouped, settled by the amount"
        ),
        pytest.param(f"{HEADER}\n nellie , credits ,{OCTOBER}, 1234 ,4.94, EUR \n", id="blanks around"),
    ],
)
def test_form_is_tolerated(text: str) -> None:
    assert lines(text) == (LINE,)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            '[{"account": "nellie", "meter": "credits", "period_start": "2026-10-01", "period_end": "2026-11-01", '
            '"quantity": 1234, "amount": 4.94, "currency": "EUR"}]',
            id="list",
        ),
        pytest.param(
            '{"number": 7, "lines": [{"Account": "nellie", "Meter": "credits", "Period Start": "2026-10-01", '
            '"period_end": "2026-11-01", "quantity": "1,234", "amount": "4.94", "currency": "EUR", "x": null}]}',
            id="object with lines, numbers as text",
        ),
    ],
)
def test_json_says_the_same(text: str) -> None:
    (line,) = lines(text, "i.json")
    assert (line.quantity, line.amount, line.place) == (Decimal(1234), Decimal("4.94"), "i.json, entry 1")


def test_numbers_of_json_are_exact() -> None:
    (line,) = lines(
        '[{"account":"a","meter":"m","period_start":"2026-10-01","period_end":"2026-11-01","quantity":90071992547409930.1}]'
    )
    assert line.quantity == Decimal("90071992547409930.1")


def test_instants_are_read_with_their_offset() -> None:
    (line,) = lines(f"{HEADER}\na,m,2026-10-01T00:00:00-04:00,2026-11-01T00:00:00-04:00,1,,\n")
    assert line.period_start == datetime(2026, 10, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(["1,234", "1.5"], ["1234", "1.5"], id="point elsewhere"),
        pytest.param(["1.234", "1,5"], ["1234", "1.5"], id="comma elsewhere"),
        pytest.param(["1.234", "2,000,000"], ["1.234", "2000000"], id="groups elsewhere"),
    ],
)
def test_ambiguous_number_is_settled_by_the_others(written: list[str], read: list[str]) -> None:
    assert quantities(*written) == [Decimal(one) for one in read]


@pytest.mark.parametrize("written", [["1,234"], ["1.234", "5", "1 000"], ["1,234", "1.5", "1,5"]], ids=" ".join)
def test_ambiguous_number_that_nothing_settles_is_refused_with_both_readings(written: list[str]) -> None:
    with pytest.raises(UsageError, match=r"i\.csv, line 2: quantity '1.234' may be (1\.234|1234) or (1\.234|1234)"):
        quantities(*written)


def _row(**changes: str) -> str:
    fields = dict(zip(COLUMNS, f"nellie,credits,{OCTOBER},1,2,EUR".split(","), strict=True)) | changes
    return f"{HEADER}\n{','.join(fields.values())}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(_row(period_start="01/10/2026"), "line 2: period_start must be a date", id="date of another form"),
        pytest.param(_row(period_start="2026-10-01T00:00:00"), "line 2: period_start must be", id="naive instant"),
        pytest.param(_row(period_start="20261001"), "line 2: period_start must be", id="date without hyphens"),
        pytest.param(_row(period_start="0001-01-01"), "line 2: period_start must be", id="date before all bills"),
        pytest.param(_row(period_end="2026-10-01"), "holds nothing; period_end is the day or instant", id="no length"),
        pytest.param(_row(period_end="2026-10-31T23:59:59Z"), "instant to stop before", id="last second"),
        pytest.param(_row(quantity="", amount=""), "line 2: has neither quantity nor amount", id="no figure"),
        pytest.param(_row(quantity="many"), "line 2: quantity is no number", id="word"),
        pytest.param(_row(account=""), "line 2: account is missing", id="no account"),
        pytest.param(_row(currency="€"), "line 2: currency must be three letters", id="sign for a currency"),
        pytest.param(_row(currency="ZZZ"), "line 2: 'ZZZ' is no currency of ISO 4217", id="unknown currency"),
        pytest.param(_row(amount="132.200", currency="KWD"), "write 132.2 or 132200", id="three minor units"),
        pytest.param(_row(quantity='"033,049"', amount="132.20"), "line 2: quantity '033,049' may be", id="noughts"),
        pytest.param(_row(quantity="1,234.5"), "has 8 fields where the header has 7", id="unquoted comma"),
        pytest.param(_row() + _row().splitlines()[1], "line 3: bills nellie/credits for the same", id="twice"),
        pytest.param("account,meter,period_start\n", "line 1: the header lacks period_end", id="no column"),
        pytest.param("account,meter,period_start,period_end\n", "lacks quantity or amount", id="no figures' column"),
        pytest.param(f"{HEADER},Account\na,b,c,d,1,2,e,f\n", "account comes twice", id="column twice"),
        pytest.param("", "line 1: the header lacks", id="empty"),
        pytest.param(f'{HEADER}\n"open', "not CSV", id="open quote"),
        pytest.param("[1]", "entry 1: must be an object", id="json of numbers"),
        pytest.param('{"total": 1}', "must be a list of objects", id="json without lines"),
        pytest.param("[{]", "line 1: not JSON", id="broken json"),
        pytest.param('[{"account": "a", "account": "b"}]', "entry 1: an object has the key", id="json key twice"),
        pytest.param('[{"account": "a", "Account": "b"}]', "spelled differently", id="json column twice"),
        pytest.param('[{"quantity": NaN}]', "entry 1: 'quantity': NaN is no number", id="json nan"),
        pytest.param('[{"quantity": 1e400}]', "entry 1: 'quantity': the number 1e400 is beyond", id="json exponent"),
        pytest.param('[{"quantity": true}]', "'quantity' must be text or a number", id="json truth"),
        pytest.param('[{"account": 5}]', "has neither quantity nor amount", id="json account of digits"),
        pytest.param("[" * 100_000, "not", id="deep json"),
    ],
)  # fmt: skip
def test_what_could_mean_two_things_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        lines(text)
    assert told in str(caught.value)
    assert str(caught.value).startswith("i.csv")


def test_charge_and_credit_of_one_period_may_stand_together() -> None:
    assert [line.quantity for line in lines(_row(quantity="5") + _row(quantity="-2").splitlines()[1])] == [5, -2]


def test_credit_that_comes_twice_is_refused() -> None:
    credit = _row(quantity="-2", amount="").splitlines()[1]
    with pytest.raises(UsageError, match=r"line 4: bills nellie/credits for the same period as i\.csv, line 3"):
        lines(f"{_row()}{credit}\n{credit}\n")


def test_text_that_is_not_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(UsageError, match=r"i\.csv, line 2: not UTF-8"):
        lines(HEADER.encode() + b"\nn\xe9llie,credits\n")


def test_columns_we_do_not_know_are_ignored_and_named() -> None:
    assert parse_invoice(f"note,{HEADER},Tax Rate\nx,{_row().splitlines()[1]},19\n".encode(), "i").ignored_columns == (
        "note",
        "tax_rate",
    )


def test_more_lines_than_any_invoice_has_are_refused() -> None:
    rows = "".join(f"a{n},m,{OCTOBER},1,,\n" for n in range(MOST_LINES + 1))
    with pytest.raises(UsageError, match="more than 100,000 lines"):
        lines(f"{HEADER}\n{rows}")


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the invoice"):
        read_invoice(tmp_path / "missing.csv")


def test_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "i.csv"
    path.write_text(f"{HEADER}\nnellie,credits,{OCTOBER},1234,4.94,EUR\n")
    assert read_invoice(path).lines == (LINE,)


_CELLS = st.one_of(
    st.text(max_size=8), st.sampled_from(["1,234", "1.5", "2026-10-01", "2026-11-01", "EUR", '"', "\x00", "-5"])
)
_CSV = st.lists(st.lists(_CELLS, min_size=7, max_size=7)).map(
    lambda rows: "\n".join([HEADER, *(",".join(row) for row in rows)]).encode()
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(COLUMNS), inner),
).map(lambda value: json.dumps([value]).encode())


@given(st.binary() | _CSV | _JSON)
@example(b"[")
@example(b'{"lines": {}}')
@example(f"{HEADER}\na,m,{OCTOBER},1,\x00,".encode())
def test_any_bytes_are_an_invoice_or_refused(content: bytes) -> None:
    with suppress(UsageError):
        parse_invoice(content, "i.csv")
