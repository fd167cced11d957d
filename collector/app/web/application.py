"""The pages and the API, as a FastAPI application; whoever may not ask never gets here (see ``guarding``).

    /                    where every meter stands          /api/status
    /reports/NAME        a report as a page                /api/reports/NAME    as JSON
    /healthz  /readyz    for monitors                      /metrics             for Prometheus

Every answer is made whole before its first byte is sent: nobody who reads slowly keeps a transaction open, and nothing
that failed half-way looks like an answer.

Public: ``application``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import structlog
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from collector.app.web.answers import OF_PERIODS, json_of, parameters_of
from collector.app.web.health import health_of, unreadable
from collector.app.web.home import failed_page, home
from collector.app.web.ledger import Ledger
from collector.app.web.metrics import CONTENT_TYPE, Metrics
from collector.app.web.navigation import around, default_period
from collector.app.web.parameters import asked_of, question_asked
from collector.app.web.working import Workshop
from collector.errors import CollectorError, NotEnoughDataError, UsageError

if TYPE_CHECKING:
    from reports.document import Document
    from reports.formats.around import Around

_HTML, _JSON = "text/html; charset=utf-8", "application/json"
_OF_STATUS = ("account", "meter", "tz")
_REFRESH = {"refresh": "60"}
_TITLES = {400: "This cannot be asked", 404: "There is no such page", 503: "Not now"}
_WATCHED = frozenset({"/healthz", "/readyz"})
_FAULT = "This could not be answered because of a fault in the collector; its log says more."

_Makes: TypeAlias = Callable[[Request], Response]
_Does: TypeAlias = Callable[[Callable[[], Response]], Awaitable[Response]]


def application(ledger: Ledger, workshop: Workshop) -> FastAPI:
    """Return the application; its own documentation is off, because it would load from elsewhere."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    metrics = Metrics(ledger)
    ways: Mapping[str, _Makes] = {
        "/": partial(_home, ledger),
        "/reports/{name}": partial(_report_page, ledger),
        "/api/status": partial(_status_json, ledger),
        "/api/reports/{name}": partial(_report_json, ledger),
        "/healthz": partial(_health, ledger),
        "/readyz": partial(_ready, ledger),
        "/metrics": partial(_metrics, metrics),
    }
    for path, make in ways.items():
        done = workshop.watched if path in _WATCHED else workshop.made
        app.add_api_route(path, _answering(ledger, done, make), methods=["GET", "HEAD"])

    async def missing(request: Request, _: Exception) -> Response:
        return _failed(ledger, request, 404, "Nothing is kept under this address.")

    app.add_exception_handler(HTTPException, missing)
    return app


def _answering(ledger: Ledger, done: _Does, make: _Makes) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        try:
            return await done(partial(make, request))
        except CollectorError as error:
            return _failed(ledger, request, _status_of(error), str(error))
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - a page's edge: what nobody foresaw is logged, never shown
            structlog.get_logger().error("a page could not be made", path=request.url.path[:100], exc_info=error)
            return _failed(ledger, request, 500, _FAULT)

    return answer


def _status_of(error: CollectorError) -> int:
    match error:
        case UsageError():
            return 400
        case NotEnoughDataError():
            return 404
        case _:
            return 503


def _failed(ledger: Ledger, request: Request, status: int, words: str) -> Response:
    """Return why there is no answer, as JSON to programs and as a page to people."""
    headers = {"retry-after": "5"} if status == 503 else {}
    if not request.url.path.startswith(("/reports/", "/api/")) and request.url.path != "/":
        return Response(f"{words}\n", status, headers, "text/plain; charset=utf-8")
    if request.url.path.startswith("/api/"):
        return Response(json.dumps({"error": words}) + "\n", status, headers, _JSON)
    page = failed_page(_TITLES.get(status, "This went wrong"), words, ledger.now())
    return Response(_html(page, around(None)), status, headers, _HTML)


def _home(ledger: Ledger, request: Request) -> Response:
    from collector.app.status import status_rows

    asked = asked_of(request.url.query.encode(), ())
    with ledger.reading() as database:
        question = question_asked(ledger, database, asked)
        rows = status_rows(ledger.settings, database, question)
        health = health_of(ledger.settings, database, question.now, ledger.waiting())
    page = home(rows, health, question.now)
    return Response(_html(page, around("/")), 200, _REFRESH, _HTML)


def _status_json(ledger: Ledger, request: Request) -> Response:
    from dataclasses import asdict

    from collector.app.status import status_rows
    from reports.rendering import write_json

    asked = asked_of(request.url.query.encode(), _OF_STATUS)
    out = io.StringIO()
    with ledger.reading() as database:
        question = question_asked(ledger, database, asked)
        write_json([asdict(one) for one in status_rows(ledger.settings, database, question)], out)
    return Response(out.getvalue(), 200, media_type=_JSON)


def _report_page(ledger: Ledger, request: Request) -> Response:
    from reports.documents.catalogue import document

    name = _known(request)
    asked = asked_of(request.url.query.encode(), parameters_of(name))
    period = asked.one("period") or default_period(ledger.now()) if name in OF_PERIODS else None
    with ledger.reading() as database:
        question = question_asked(ledger, database, asked)
        found = document(name, database, question, period=period)
        page = _html(found, around(f"/reports/{name}", ledger, database, asked, period))
    return Response(page, 200, media_type=_HTML)


def _report_json(ledger: Ledger, request: Request) -> Response:
    name = _known(request)
    asked = asked_of(request.url.query.encode(), parameters_of(name))
    with ledger.reading() as database:
        found = json_of(name, database, question_asked(ledger, database, asked), asked)
    return Response(found, 200, media_type=_JSON)


def _known(request: Request) -> str:
    from reports.documents.catalogue import NAMES

    name = str(request.path_params["name"])
    if name not in NAMES:
        raise HTTPException(404)
    return name


def _health(ledger: Ledger, request: Request) -> Response:
    """Say how it stands; what is wrong is told in words to those who were let in."""
    asked_of(request.url.query.encode(), ())
    try:
        with ledger.reading(afresh=True) as database:
            health = health_of(ledger.settings, database, ledger.now(), ledger.waiting())
    except CollectorError as error:
        health = unreadable(error, ledger.waiting())
    found: dict[str, object] = {"status": health.status, "troubles": sorted(health.troubles)}
    if request.scope.get("admitted"):
        found["details"] = dict(sorted(health.troubles.items()))
    return Response(json.dumps(found) + "\n", 503 if health.failing else 200, media_type=_JSON)


def _ready(ledger: Ledger, request: Request) -> Response:
    """Say whether this process can answer at all: whether the database can be read."""
    asked_of(request.url.query.encode(), ())
    try:
        with ledger.reading(afresh=True) as database:
            health_of(ledger.settings, database, ledger.now())
    except CollectorError:
        return Response('{"ready": false}\n', 503, media_type=_JSON)
    return Response('{"ready": true}\n', 200, media_type=_JSON)


def _metrics(metrics: Metrics, request: Request) -> Response:
    asked_of(request.url.query.encode(), ())
    return Response(metrics.text(), 200, {"content-type": CONTENT_TYPE})


def _html(page: Document, around_it: Around) -> bytes:
    from reports.formats.html import write_html

    out = io.BytesIO()
    write_html(page, out, around_it)
    return out.getvalue()
