"""Logs go to stderr: readable on a terminal, one JSON object a line otherwise, secrets removed from both.

Redaction happens in the last step, on the finished line, so nothing that any library logs gets past it. Text from
outside cannot break a line or move the cursor: control characters are escaped and long values cut.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, TextIO

import structlog

from collector.domain.secret import Secret

_LONGEST = 500


def configure(secrets: Iterable[Secret] = (), *, verbose: bool = False, stream: TextIO | None = None) -> None:
    """Send all logs to ``stream`` (stderr), with every one of ``secrets`` removed."""
    out = sys.stderr if stream is None else stream
    level = logging.DEBUG if verbose else logging.INFO
    shared: list[Callable[..., Any]] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _inert,
    ]
    terminal = out.isatty()
    renderer = structlog.dev.ConsoleRenderer(colors=terminal) if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler.setFormatter(_Redacting(formatter, tuple(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("urllib3", "http.client", "apscheduler"):
        logging.getLogger(chatty).setLevel(max(level, logging.INFO if chatty != "apscheduler" else logging.WARNING))


def _inert(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make text from outside harmless: one line, no escapes, cut."""
    for key, value in event.items():
        if isinstance(value, str):
            shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in value)
            event[key] = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
    return event


class _Redacting(logging.Formatter):
    """Removes every known key from the finished line; tracebacks never show local variables."""

    def __init__(self, inner: logging.Formatter, secrets: tuple[Secret, ...]) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the line with all keys removed."""
        line = self._inner.format(record)
        for secret in self._secrets:
            line = secret.redact(line)
        return line
