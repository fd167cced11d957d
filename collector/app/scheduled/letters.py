"""What a report says when it is sent: the answer in a few words, the charts, and the files beside.

A letter is made together with the files and kept beside them until everybody has it, so that what is sent after a
restart is what was made. All text of the document is plain and is made inert here: for HTML by escaping, for a subject
by staying on one line.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from collector.app.scheduled.folder import media_of
from collector.app.scheduled.rendering import Renders
from collector.domain.instants import format_instant, parse_instant
from collector.notifications.message import Attachment, Message, Picture

if TYPE_CHECKING:
    from reports.document import Document, Fact, Table
    from reports.rendering import Row

TRIAL = "[Trial] "
_MOST_PICTURES = 4
_MOST_PARAGRAPHS = 8
_MOST_FACTS = 24
_LONGEST_SUBJECT = 150
# Mail servers refuse about 25 MB, and a file grows by a third in the mail.
_MOST_BYTES = 15 * 1024 * 1024
_CELL = "padding:6px 12px 6px 0;border-bottom:1px solid #d0d7de;vertical-align:top"
_FONT = (
    "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#1b1f24;background:#ffffff"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent about one period.

    Attributes:
        files: What is attached.
    """

    made_at: datetime
    subject: str
    text: str
    html: str
    brief: str
    pictures: tuple[Picture, ...]
    files: tuple[Path, ...]

    def message(self, message_id: str) -> Message:
        """Return it as a message under ``message_id``."""
        attachments = tuple(Attachment(path, media_of(path)) for path in self.files)
        return Message(
            message_id, self.made_at, self.subject, self.text, self.html, self.brief, self.pictures, attachments
        )


def letter_of(renderer: Renders, document: Document, subject: str, files: Sequence[Path], made_at: datetime) -> Letter:
    """Return the letter about a document whose files are made; what is too large to be sent is named instead."""
    document = _with_its_answer(document)
    pictures = tuple(
        Picture(one.chart.name, one.chart.summary or one.chart.title, one.content)
        for one in renderer.drawings(document, _MOST_PICTURES)
    )
    attached, left = _fitting(files)
    notes = [f"Attached: {', '.join(one.name for one in attached)}."] if attached else []
    notes += [f"Too large to be sent, in the folder: {', '.join(one.name for one in left)}."] if left else []
    return Letter(
        made_at=made_at,
        subject=_line(subject)[:_LONGEST_SUBJECT],
        text="\n".join(_text(document, notes)) + "\n",
        html="".join(_html(document, pictures, notes)),
        brief="\n".join(_brief(document)),
        pictures=pictures,
        files=tuple(attached),
    )


def _with_its_answer(document: Document) -> Document:
    """Return a document that tells its answer at the top: of one that has it in a table, the rows of that table."""
    if document.facts or document.empty:
        return document
    from reports.document import Table

    blocks = [block for section in document.sections for block in section.blocks]
    tables = [one for one in blocks if isinstance(one, Table) and isinstance(one.rows, Sequence)]
    if not tables:
        return document
    return replace(document, facts=tuple(_fact(tables[0], row) for row in list(tables[0].rows)[:_MOST_FACTS]))


def _fact(table: Table, row: Row) -> Fact:
    """Return a row as a fact: its texts say of what, its first figure is the value, and the rest stands beside."""
    from reports.document import Fact, Kind
    from reports.formats.cells import words

    known = [one for one in table.columns if row[one.key] is not None]
    texts = [words(row[one.key], one.kind) for one in known if one.kind is Kind.TEXT]
    figures = [(one.title, words(row[one.key], one.kind)) for one in known if one.kind is not Kind.TEXT]
    title, value = figures[0] if figures else (table.title, "–")
    rest = ", ".join(f"{name} {figure}" for name, figure in figures[1:])
    return Fact(f"{' · '.join(dict.fromkeys(texts))}: {title}", value, rest)


def as_trial(letter: Letter) -> Letter:
    """Return a letter that nobody can take for the report itself: its subject and its first words say so."""
    told = "This is a trial: it shows how the report will arrive, and counts as no delivery."
    return replace(
        letter,
        subject=f"{TRIAL}{letter.subject}",
        text=f"{told}\n\n{letter.text}",
        html=letter.html.replace("<h1 ", f'<p style="margin:0 0 12px"><strong>{told}</strong></p><h1 ', 1),
        brief=f"{told}\n{letter.brief}",
    )


def _fitting(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    attached: list[Path] = []
    left: list[Path] = []
    free = _MOST_BYTES
    for path in files:
        size = path.stat().st_size
        (attached if size <= free else left).append(path)
        free -= size if size <= free else 0
    return attached, left


def _text(document: Document, notes: Sequence[str]) -> Iterator[str]:
    yield _line(document.title)
    yield _line(document.subtitle)
    yield ""
    for fact in document.facts:
        yield f"{_line(fact.label)}: {_line(fact.value)}{f' ({_line(fact.note)})' if fact.note else ''}"
    for sentence in _sentences(document):
        yield from ("", sentence)
    for note in notes:
        yield from ("", note)


def _brief(document: Document) -> Iterator[str]:
    yield from (f"{_line(fact.label)}: {_line(fact.value)}" for fact in document.facts)
    yield from _sentences(document)[:2]


def _sentences(document: Document) -> list[str]:
    told = ([document.empty] if document.empty else []) + [*document.paragraphs]
    return [_line(one) for one in told[:_MOST_PARAGRAPHS]]


def _html(document: Document, pictures: Sequence[Picture], notes: Sequence[str]) -> Iterator[str]:
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield f'<title>{_safe(document.title)}</title></head><body style="margin:0;{_FONT}">'
    yield '<div style="max-width:680px;margin:0 auto;padding:20px;line-height:1.5">'
    yield f'<h1 style="font-size:22px;margin:0 0 4px">{_safe(document.title)}</h1>'
    yield f'<p style="margin:0 0 16px;color:#57606a">{_safe(document.subtitle)}</p>'
    if document.facts:
        yield '<table style="border-collapse:collapse;margin:0 0 16px">'
        for fact in document.facts:
            note = f'<br><span style="color:#57606a">{_safe(fact.note)}</span>' if fact.note else ""
            yield f'<tr><th scope="row" style="{_CELL};text-align:left;font-weight:normal">{_safe(fact.label)}</th>'
            yield f'<td style="{_CELL}"><strong>{_safe(fact.value)}</strong>{note}</td></tr>'
        yield "</table>"
    yield from (f'<p style="margin:0 0 12px">{_safe(one)}</p>' for one in _sentences(document))
    for picture in pictures:
        yield f'<p style="margin:16px 0"><img src="cid:{picture.name}" alt="{_safe(picture.alt)}" width="640" '
        yield 'style="max-width:100%;height:auto;border:0"></p>'
    yield from (f'<p style="margin:0 0 12px;color:#57606a">{_safe(one)}</p>' for one in notes)
    yield "</div></body></html>\n"


def _line(text: str) -> str:
    from reports.formats.inert import PROSE, visible

    return visible(" ".join(text.split()), PROSE)


def _safe(text: str) -> str:
    return html.escape(_line(text))


def written(letter: Letter) -> bytes:
    """Return a letter as the bytes that ``read`` reads."""
    pictures = [[one.name, one.alt, base64.b64encode(one.content).decode()] for one in letter.pictures]
    return json.dumps(
        {
            "made_at": format_instant(letter.made_at),
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
            "brief": letter.brief,
            "pictures": pictures,
            "files": [str(one) for one in letter.files],
        }
    ).encode()


def read(path: Path) -> Letter | None:
    """Return the letter that is kept at ``path`` with all its files, or None if any of it is gone or damaged."""
    try:
        kept = json.loads(path.read_bytes())
        pictures = tuple(Picture(name, alt, base64.b64decode(content)) for name, alt, content in kept["pictures"])
        files = tuple(map(Path, kept["files"]))
        letter = Letter(
            parse_instant(kept["made_at"]), kept["subject"], kept["text"], kept["html"], kept["brief"], pictures, files
        )
    except (OSError, ValueError, KeyError, TypeError, binascii.Error):
        return None
    return letter if all(one.is_file() for one in files) else None
