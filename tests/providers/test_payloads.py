"""Recorded payloads against what each must be read as.

``payloads/<provider>/<case>.json`` stands beside ``<case>.expected.json``. The two called ``sample`` are the bodies
of the providers' own references, to the letter.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from collector.domain.instants import format_instant
from collector.domain.requests import RequestRecord
from collector.errors import AnswerRejectedError
from collector.providers import PROVIDERS
from collector.providers.contract import Answer

FOLDER = Path(__file__).parent / "payloads"
EXPECTED = ".expected.json"
PAYLOADS = sorted(path for path in FOLDER.glob("*/*.json") if not path.name.endswith(EXPECTED))


def expected_of(payload: Path) -> Path:
    return payload.with_name(payload.stem + EXPECTED)


def row_of(record: RequestRecord) -> list[object]:
    created = None if record.created_at is None else format_instant(record.created_at)
    completed = None if record.completed_at is None else format_instant(record.completed_at)
    return [record.request_id, record.status, created, completed, record.credits_used]


def written(answer: Answer) -> dict[str, object]:
    return {
        "counters": dict(answer.counters),
        "requests": [row_of(record) for record in answer.requests],
        "rejections": [[one.where, one.reason, one.raw] for one in answer.rejections],
        "flags": list(answer.flags),
        "unknown_fields": list(answer.unknown_fields),
    }


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_payload_is_read_as_expected(payload: Path) -> None:
    assert expected_of(payload).exists(), f"{payload.name} needs {expected_of(payload).name} beside it"
    expected = json.loads(expected_of(payload).read_text("utf-8"))
    body = json.loads(payload.read_text("utf-8"), parse_float=Decimal)
    provider = PROVIDERS[payload.parent.name]
    if "rejected" not in expected:
        assert written(provider.parse(body)) == expected["answer"]
        return
    with pytest.raises(AnswerRejectedError) as refused:
        provider.parse(body)
    assert refused.value.outcome == expected["rejected"]
    assert f" {expected['says']};" in str(refused.value).replace("(", "").replace(")", "")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_its_reference_sample_recorded(provider: str) -> None:
    assert FOLDER / provider / "sample.json" in PAYLOADS


def test_no_expectation_stands_without_its_payload() -> None:
    assert {expected_of(payload) for payload in PAYLOADS} == set(FOLDER.glob(f"*/*{EXPECTED}"))


def test_no_payload_lies_outside_a_provider_folder() -> None:
    assert {path.parent.name for path in FOLDER.rglob("*") if path.is_file()} == set(PROVIDERS)
