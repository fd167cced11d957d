"""What is sent: a subject, the same words as text and as HTML, pictures shown in them, and files beside.

Everything in it is plain text and bytes; whoever sends it makes it inert for his own format.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that the HTML shows as ``cid:NAME``; ``alt`` is read out instead."""

    name: str
    alt: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, its name for the reader, and its media type such as ``application/pdf``."""

    path: Path
    media: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        id: Without angle brackets, such as ``0f3a…@usage-collector.invalid``; a mail program shows a message that came
            twice under one id once.
        sent_at: The date that is written on it, the same at every attempt.
        subject: One line.
        text: The words for services and programs that show no HTML.
        html: The same, with pictures as ``<img src="cid:NAME">``.
        brief: A few lines with the key figures, for chats.
    """

    id: str
    sent_at: datetime
    subject: str
    text: str
    html: str
    brief: str
    pictures: tuple[Picture, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sending went, where it was not refused as a whole.

    Attributes:
        reached: Fingerprints of the recipients who have it now, those of earlier attempts included.
        later: Why others were not reached now, but may be.
        never: Why others never will be.
    """

    reached: frozenset[str]
    later: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
