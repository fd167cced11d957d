"""Logs go to stderr: readable on a terminal, one JSON object a line otherwise, keys removed from both.

Keys are removed twice: from every text before it is escaped, and from the finished line, so nothing that any library
logs gets past. Text from outside cannot break a line or move the cursor: control characters are escaped and long
values cut. Nothing that goes wrong while a line is written stops the program, or prints what the line held.

Public: ``configure``, ``protect``, ``are_failing``, ``finish``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, TextIO

import structlog

from collector.domain.secret import Secret
from collector.polling.redaction import Redactor

_LONGEST = 500
_LONGEST_TRACEBACK = 10_000
_MOST_ITEMS = 50
_LEVELS = 3
_TRACEBACK = "exception"

# What these libraries say at a lower level is said again, in our words, by whoever asked them; APScheduler's complaints
# reach us as events. A verbose log has more of it, but never debug lines: these show the headers of requests.
_USUAL = {"urllib3": logging.ERROR, "http.client": logging.ERROR, "apscheduler": logging.CRITICAL}
_VERBOSE = _USUAL | {"urllib3": logging.INFO, "http.client": logging.INFO}


def configure(secrets: Iterable[Secret] = (), *, verbose: bool = False, stream: TextIO | None = None) -> None:
    """Send all logs to ``stream`` (stderr), with every one of ``secrets`` removed.

    Args:
        secrets: The keys known so far; ``protect`` adds others.
        verbose: Also log what only a developer reads.
        stream: Where to write; a terminal gets lines for people, anything else JSON.
    """
    out: TextIO | None = sys.stderr if stream is None else stream
    level = logging.DEBUG if verbose else logging.INFO
    keys = _Keys(secrets)
    shared: list[Callable[..., Any]] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        keys.inert,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(out)],
    )
    handler = _handler_for(out)
    handler.setFormatter(_Redacting(formatter, keys))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in (_VERBOSE if verbose else _USUAL).items():
        logging.getLogger(name).setLevel(least)


def protect(secrets: Iterable[Secret]) -> None:
    """Remove ``secrets``, too, from whatever is logged from now on."""
    known = list(secrets)
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _Redacting):
            handler.formatter.keys.add(known)


def are_failing() -> bool:
    """Return True while what is logged gets lost: stderr is closed, or its disk is full."""
    return any(one.failing for one in logging.getLogger().handlers if isinstance(one, _QuietHandler | _Nowhere))


def finish() -> None:
    """Write what is still buffered; what cannot be written is given up, so that the program ends with its own code.

    Left alone, the interpreter would try once more at its end and report that with an exit code of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            _let_go(stream)


def _let_go(stream: TextIO) -> None:
    """Point a stream that cannot be written at nothing."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
        stream.flush()
    except (OSError, ValueError):
        return


def _handler_for(out: TextIO | None) -> logging.Handler:
    """Return what writes to ``out``; a program that was started without a stderr has nowhere to write to."""
    return _Nowhere() if out is None else _QuietHandler(out)


def _renderer(out: TextIO | None) -> Callable[..., Any]:
    if out is None or not out.isatty():
        return structlog.processors.JSONRenderer()
    colors = not os.environ.get("NO_COLOR")
    # Plain tracebacks: those of rich would show local variables, and with them keys.
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


class _Keys:
    """The keys to remove, which may become more while the program runs."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = set(secrets)
        self._redactor = Redactor(self._secrets)

    def add(self, secrets: Iterable[Secret]) -> None:
        """Remove ``secrets`` too."""
        if not self._secrets.issuperset(secrets):
            self._secrets.update(secrets)
            self._redactor = Redactor(self._secrets)

    def removed_from(self, text: str) -> str:
        """Return ``text`` without the keys."""
        return self._redactor.text(text)

    def inert(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Make text from outside harmless: without keys, on one line (a traceback on its own lines), cut."""
        for name, value in event.items():
            if not name.startswith("_"):  # structlog's own, taken out before the line is written
                event[name] = self._traceback(value) if name == _TRACEBACK else self._harmless(value, _LEVELS)
        return event

    def _traceback(self, value: object) -> str:
        text = str(value)
        # What went wrong stands at the end, where we are at the beginning.
        half = _LONGEST_TRACEBACK // 2
        whole = text if len(text) <= 2 * half else f"{text[:half]}\n…\n{text[-half:]}"
        return _visible(self.removed_from(whole), "\n")

    def _harmless(self, value: object, levels: int) -> object:
        """Return what may be written: texts cut and on one line, in lists and tables too."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if levels and isinstance(value, list | tuple):
            shown = [self._harmless(one, levels - 1) for one in value[:_MOST_ITEMS]]
            return shown if len(value) <= _MOST_ITEMS else [*shown, "…"]
        if levels and isinstance(value, dict):
            items = list(value.items())[:_MOST_ITEMS]
            return {self._line(str(name)): self._harmless(one, levels - 1) for name, one in items}
        return self._line(value if isinstance(value, str) else repr(value))

    def _line(self, text: str) -> str:
        shown = _visible(self.removed_from(text[:_LONGEST]), "")
        return shown if len(text) <= _LONGEST else f"{shown}…"


def _visible(text: str, allowed: str) -> str:
    return "".join(one if one.isprintable() or one in allowed else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class _Redacting(logging.Formatter):
    """Removes every known key from the finished line."""

    def __init__(self, inner: logging.Formatter, keys: _Keys) -> None:
        super().__init__()
        self.keys = keys
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the line with all keys removed."""
        return self.keys.removed_from(self._inner.format(record))


class _QuietHandler(logging.StreamHandler[TextIO]):
    """Drops a line that cannot be written; logging's own complaint would show the arguments of the call.

    Attributes:
        failing: Whether the last line could not be written.
    """

    failing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and remember whether it could be written."""
        self._lost = False
        super().emit(record)
        self.failing = self._lost

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        """Go on: neither a full disk nor a badly formed call may stop the collection."""
        # Of a closed stream Python says that as a ValueError; a badly formed call says nothing of the target.
        self._lost = isinstance(sys.exc_info()[1], OSError) or self.stream.closed


class _Nowhere(logging.NullHandler):
    """Stands for a log that nobody can read."""

    failing = True
