"""A mail server, and a message to send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.notifications.message import Attachment, Message, Picture
from tests.notifications.sink import Sink

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c6360000002000001"
    "e221bc330000000049454e44ae426082".replace(" ", "")
)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server on loopback."""
    with Sink() as found:
        yield found


@pytest.fixture
def message(tmp_path: Path) -> Message:
    """A message with a picture and a file."""
    path = tmp_path / "month-2026-10.html"
    path.write_text("<!DOCTYPE html><title>whole report</title>")
    return Message(
        id="0f3a@usage-collector.invalid",
        sent_at=datetime(2026, 11, 2, 6, tzinfo=UTC),
        subject="Usage in October 2026 – größer",
        text="Usage: 3,807 credits\n",
        html='<p>Usage: 3,807 credits</p><img src="cid:usage">',
        brief="Usage: 3,807 credits",
        pictures=(Picture("usage", "Usage per day", PNG),),
        attachments=(Attachment(path, "text/html"),),
    )
