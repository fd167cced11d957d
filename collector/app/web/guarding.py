"""What stands before every page: who may ask, by which name, and how, whatever is asked.

A web page in the operator's browser can send requests to any address the browser reaches, and by rebinding a name can
even read the answers. So a request must name us by a name of ours, must not come from another site, and can only read.
What may not pass is refused before any of the application is reached, and every answer carries the same headers.

    Host of ours? 400 ─► short? 431 ─► GET or HEAD? 405 ─► no body? 413 ─► our own site? 403 ─► token? 401 ─► the pages

Public: ``Guard``, ``Door``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.domain.secret import Secret

CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST_HEAD = 16 * 1024
# What a machine asks that has no token: whether we are there. What is wrong is told in words to others only.
OPEN = frozenset({"/healthz", "/readyz"})


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in.

    Attributes:
        names: What we are called, beside the address that a request came to.
        token: What must be shown; None where nothing is wanted.
    """

    names: frozenset[str] = OF_THIS_MACHINE
    token: Secret | None = None

    def knows(self, host: str, address: str) -> bool:
        """Tell whether ``Host`` names us: by one of our names, or by the address the request came to."""
        name = _name_of(host)
        return name is not None and (name in self.names or name == address)

    def admits(self, authorization: str) -> bool:
        """Tell whether the header shows the token, as a bearer or as the password of a browser's dialogue."""
        if self.token is None:
            return True
        scheme, _, rest = authorization.partition(" ")
        shown = {"bearer": _plain, "basic": _password}.get(scheme.lower(), _nothing)(rest.strip())
        return hmac.compare_digest(shown, self.token.reveal().encode())


def _plain(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _nothing(_: str) -> bytes:
    return b""


def _password(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _name_of(host: str) -> str | None:
    """Return the name in a ``Host`` header, in small letters; None for what is no host."""
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        port = port.removeprefix(":") if port.startswith(":") or not port else "x"
        try:
            name = str(ipaddress.IPv6Address(name)) if closed else ""
        except ValueError:
            return None
    else:
        name, _, port = host.partition(":")
    if not name or (port and not (port.isascii() and port.isdigit() and len(port) <= 5)):
        return None
    return name.lower().removesuffix(".")


class Guard:
    """An application behind its door.

    Args:
        app: What answers those who may ask.
        door: Who may.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with our headers on whatever is answered."""
        if scope["type"] != "http":
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [(name, value) for name, value in message["headers"] if name.decode() not in HEADERS]
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*given, *added]}
            await send(message)

        headers = _Headers(scope["headers"])
        scope["admitted"] = self._door.admits(headers.one("authorization") or "")
        refusal = self._refusal(scope, headers)
        await (self._app if refusal is None else refusal)(scope, receive, sent)

    def _refusal(self, scope: Scope, headers: _Headers) -> Response | None:
        address = str((scope.get("server") or ("",))[0])
        host = headers.one("host")
        if host is None or not self._door.knows(host, address):
            return _refused(400, "This name is not known here; add it to serve.trusted_hosts if it should be.")
        improper = _improper(scope, headers)
        if improper is not None:
            return improper
        if _is_foreign(headers, host):
            return _refused(403, "Another site may not ask here.")
        if not scope["admitted"] and scope["path"] not in OPEN:
            return _refused(
                401,
                "The token is wanted: as Authorization: Bearer TOKEN, or in a browser as the password, any name.",
                {"www-authenticate": 'Basic realm="usage history", charset="UTF-8"'},
            )
        return None


def _improper(scope: Scope, headers: _Headers) -> Response | None:
    """Return what is answered to a question that has another form than a question has."""
    if len(scope["raw_path"]) + sum(len(name) + len(value) for name, value in scope["headers"]) > LONGEST_HEAD:
        return _refused(431, "The question is longer than it may be.")
    if scope["method"] not in {"GET", "HEAD"}:
        return _refused(405, "Everything here can only be read.", {"allow": "GET, HEAD"})
    if headers.one("transfer-encoding") is not None or (headers.one("content-length") or "0") != "0":
        return _refused(413, "A question has no body here.")
    return None


class _Headers:
    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs]

    def one(self, wanted: str) -> str | None:
        """Return a header; None where it is missing, and nothing useful where it is given twice."""
        found = [value for name, value in self._pairs if name == wanted]
        return None if not found else found[0] if len(found) == 1 else "given, twice"


def _is_foreign(headers: _Headers, host: str) -> bool:
    """Tell whether a page of another site makes the browser ask; following a link to us is no such thing."""
    origin, site = headers.one("origin"), headers.one("sec-fetch-site")
    if origin is not None and origin.lower() not in {f"http://{host}".lower(), f"https://{host}".lower()}:
        return True
    follows = headers.one("sec-fetch-mode") == "navigate" and headers.one("sec-fetch-dest") == "document"
    return site not in {None, "none", "same-origin"} and not follows


def _refused(status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    # Whatever else was sent on this connection is not worth reading.
    return PlainTextResponse(f"{words}\n", status, {"connection": "close", **(headers or {})})
