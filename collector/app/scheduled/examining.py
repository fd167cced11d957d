"""Looks whether a scheduled report can be made and sent here, without making a file or sending anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec

from collector.app.scheduled.delivering import address_of
from collector.app.scheduled.rendering import require_extras
from collector.config import ReportSettings, TargetSource
from collector.errors import CollectorError, ConfigError


def faults_of(report: ReportSettings, environ: Mapping[str, str]) -> Iterator[CollectorError]:
    """Yield what keeps a report from being made or sent: extras, its folder, the places of its addresses."""
    checks: list[Callable[[], object]] = [
        partial(require_extras, report),
        partial(_require_folder, report),
        partial(_require_apprise, report),
        *(partial(address_of, target, environ) for target in report.targets),
    ]
    for check in checks:
        try:
            check()
        except CollectorError as error:
            yield error


def _require_folder(report: ReportSettings) -> None:
    """Make sure that the folder is one and can be written, or can be made."""
    found = next(one for one in (report.folder, *report.folder.parents) if os.path.lexists(one))
    if not found.is_dir() or not os.access(found, os.W_OK | os.X_OK):
        reason = "it is not writable" if found.is_dir() else f"{found} is no folder"
        raise ConfigError(f"cannot use the folder {report.folder} of report {report.name}: {reason}")


def _require_apprise(report: ReportSettings) -> None:
    if report.targets:
        _require_way_out(f"report {report.name}")


def _require_way_out(what: str) -> None:
    if find_spec("apprise") is None:
        raise ConfigError(f"{what}: sending needs apprise; install it with `pip install 'usage-collector[notify]'`")


def notice_faults(targets: Sequence[TargetSource], environ: Mapping[str, str]) -> Iterator[CollectorError]:
    """Yield what keeps notices of faults from being sent: the extra, and the places of their addresses."""
    checks: list[Callable[[], object]] = [
        partial(_require_way_out, "notices"),
        *(partial(address_of, target, environ) for target in targets),
    ]
    for check in checks:
        try:
            check()
        except CollectorError as error:
            yield error
