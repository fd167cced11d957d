"""The files of scheduled reports: dated names, and a link to the newest of each format.

    month-2026-09.html   month-2026-10.html   month-latest.html → month-2026-10.html   .month-2026-10.letter

Files appear whole or not at all and are the owner's alone. The link is exchanged in one step, only if it is one, and
only for a newer period. Nothing here removes a file that a run did not make.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from collector.app.scheduled.rendering import MEDIA, Renders, charts_of
from collector.config import ReportFormat, ReportSettings
from collector.errors import CollectorError

if TYPE_CHECKING:
    from reports.document import Document

_LATEST = "latest"
_MOST_PICTURES = 50


def ready_folder(report: ReportSettings) -> Path:
    """Return the folder of a report, made if it is not there.

    Raises:
        CollectorError: It is no folder, or cannot be written.
    """
    folder = report.folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CollectorError(f"cannot use the folder {folder} of report {report.name}: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CollectorError(f"cannot use the folder {folder} of report {report.name}: it is not writable")
    return folder


def write_files(renderer: Renders, report: ReportSettings, period: str, document: Document, folder: Path) -> list[Path]:
    """Write a document in every format of the report into ``folder`` and return the files, in the formats' order.

    Raises:
        CollectorError: A file cannot be written, or what its format needs is not installed.
    """
    files: list[Path] = []
    for format_ in report.formats:
        if format_ is ReportFormat.PNG:
            files += _write_pictures(renderer, folder / f"{report.name}-{period}", document)
        else:
            files.append(_write_one(renderer, folder / f"{report.name}-{period}.{format_}", document, format_))
    return files


def _write_one(renderer: Renders, path: Path, document: Document, format_: ReportFormat) -> Path:
    from reports.rendering import whole_binary_file

    with whole_binary_file(path) as out:
        renderer.write(document, format_, out)
        out.flush()
    return path


def _write_pictures(renderer: Renders, base: Path, document: Document) -> Iterator[Path]:
    from reports.rendering import whole_binary_file

    left_out = len(charts_of(document)) - _MOST_PICTURES
    if left_out > 0:
        structlog.get_logger().warning(
            "a report has more charts than are drawn as files of their own", report=base.name, left_out=left_out
        )
    for one in renderer.drawings(document, _MOST_PICTURES):
        path = base.with_name(f"{base.name}-{one.chart.name}.png")
        with whole_binary_file(path) as out:
            out.write(one.content)
            out.flush()
        yield path


def letter_path(folder: Path, report: str, period: str) -> Path:
    """Return where what is to be sent is kept until it is."""
    return folder / f".{report}-{period}.letter"


def media_of(path: Path) -> str:
    """Return the media type of a report's file."""
    return MEDIA[ReportFormat(path.suffix.removeprefix("."))]


def point_to_latest(report: str, period: str, files: Iterable[Path]) -> None:
    """Let the ``latest`` link of every file lead to it, unless it leads to a newer period already.

    Raises:
        CollectorError: Something else has the link's name.
    """
    for path in files:
        ending = path.name.removeprefix(f"{report}-{period}")
        link = path.with_name(f"{report}-{_LATEST}{ending}")
        try:
            if link.is_symlink():
                if link.readlink().name > path.name:
                    continue
            elif link.exists():
                raise CollectorError(f"cannot let {link} lead to {path.name}: it is there and is no link")
            fresh = path.with_name(f".{report}-{_LATEST}-{os.getpid()}{ending}")
            with suppress(FileNotFoundError):
                fresh.unlink()
            fresh.symlink_to(path.name)
            fresh.replace(link)
        except OSError as error:
            raise CollectorError(f"cannot let {link} lead to {path.name}: {error.strerror}") from None


def remove_files(folder: Path, paths: Iterable[str]) -> int:
    """Remove files that a run made, as far as they still are regular files of ``folder``; return how many."""
    removed = 0
    for path in map(Path, paths):
        if path.parent == folder and path.is_file() and not path.is_symlink():
            with suppress(OSError):
                path.unlink()
                removed += 1
    return removed
