"""Asks a provider once: one GET, bounded in time and bytes, with a strict answer or one of our errors.

The client is shared by all threads; whatever belongs to one asking travels in its ``Attempt``. Faults come back from
the inner functions as values and are raised at the very end, outside every handler: an exception raised while another
is handled keeps a reference to it, and with it to the request that carries the key.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import requests
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3 import exceptions as u3

from collector.domain.secret import Secret
from collector.errors import AnswerRejectedError, AskError, ConfigError
from collector.http.adapter import session_over, tls_context
from collector.http.addresses import checked_proxy, place_of
from collector.http.attempt import CURRENT_ATTEMPT, Attempt
from collector.http.faults import Ask, fault_of_exchange, fault_of_status
from collector.http.framing import read_body
from collector.http.retry_after import parse_http_date
from collector.http.settings import HttpSettings
from collector.http.stopping import StopSwitch
from collector.http.strict_json import load_json

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*", re.ASCII)
_AGE = re.compile(r"[0-9]+", re.ASCII)
_LONGEST_AGE = 2**31  # what a longer one stands for: RFC 9111, section 1.2.2


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One accepted answer.

    Attributes:
        payload: The JSON value; whole numbers as ``int``, others as ``Decimal``.
        received_at: When the response was complete, by our clock.
        server_date: When the server says it answered, in UTC; None without a readable ``Date``.
        age_seconds: How long a cache had kept the answer, or None if it does not say.
        body: The bytes as they came.
    """

    payload: object
    received_at: datetime
    server_date: datetime | None
    age_seconds: int | None
    body: bytes


class HttpClient:
    """Asks providers; one for the whole program, used by many threads at once.

    Args:
        user_agent: Who we say we are.
        now: The current instant, aware.
        monotonic: Seconds of a clock that never steps.
        wait: Sleeps for some seconds and returns True if the program is stopping.
        settings: The limits of each attempt.

    Raises:
        ConfigError: The proxy or the bundle of authorities cannot be used.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        wait: Callable[[float], bool],
        settings: HttpSettings = HttpSettings(),  # noqa: B008 - frozen
    ) -> None:
        if not _HEADER_VALUE.fullmatch(user_agent):
            raise ConfigError("name ourselves to providers: the user agent holds a character no header may carry")
        proxy = checked_proxy(settings.proxy)
        self._proxies = {"https": proxy} if proxy else {}
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        self._now = now
        self._monotonic = monotonic
        self._wait = wait
        self._settings = settings
        self._stop = StopSwitch()
        self._session = session_over(tls_context(settings.ca_bundle), settings.pool_size)

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Ask ``url`` once, within the deadline, and return its answer.

        Args:
            url: An https address, or an http one on a loopback host.
            key_header: The header that carries the key.
            key: Sent to the origin of ``url`` and nowhere else.
            allow_close_delimited: Accept an answer that ends only with its connection.

        Raises:
            ConfigError: The address, the header or the key cannot be used.
            TransientAskError: A fault that may pass; for a 429, and a 503 that says when to
                come back, a ``RateLimitedError``.
            TerminalAskError: A fault that stays until somebody acts.
            AnswerRejectedError: A 200 that is not strict JSON.
            InterruptedAskError: The program is stopping.
        """
        place = place_of(url)
        _check_header(key_header, key)
        attempt = Attempt(
            Ask(place, key), key_header, self._settings, monotonic=self._monotonic, wait=self._wait, stop=self._stop
        )
        outcome = self._outcome(url, attempt, allow_close_delimited)
        if isinstance(outcome, AskError):
            raise outcome from None
        return outcome

    def abort(self) -> None:
        """Close every open socket; running and later attempts raise. Safe in a signal handler."""
        self._stop.throw()

    def close(self) -> None:
        """Forget every origin."""
        self._session.close()

    def _outcome(self, url: str, attempt: Attempt, allow_close_delimited: bool) -> HttpAnswer | AskError:
        token = CURRENT_ATTEMPT.set(attempt)
        try:
            attempt.stop.check()
            with closing(self._sent(url)) as response:
                return self._answer(response.raw, attempt, allow_close_delimited)
        except AskError as fault:
            return _bare(fault)
        except (requests.RequestException, u3.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            return fault_of_exchange(attempt.ask, error)
        finally:
            CURRENT_ATTEMPT.reset(token)

    def _sent(self, url: str) -> requests.Response:
        request = requests.PreparedRequest()
        request.prepare(method="GET", url=url, headers=self._headers)
        return self._session.send(request, stream=True, allow_redirects=False, proxies=self._proxies)

    def _answer(self, raw: HTTPResponse, attempt: Attempt, allow_close_delimited: bool) -> HttpAnswer | AskError:
        fault = fault_of_status(attempt.ask, raw.status, raw.headers, self._now())
        if fault is not None:
            return fault
        limit = self._settings.max_bytes
        body = read_body(raw, attempt, max_bytes=limit, allow_close_delimited=allow_close_delimited)
        received_at = self._now()
        refusal = _refusal(attempt.ask, raw.headers, body)
        if refusal is not None:
            return refusal
        try:
            payload = load_json(body, max_bytes=limit)
        except AnswerRejectedError as error:
            return attempt.ask.rejected(error.outcome, str(error), body)
        return HttpAnswer(payload, received_at, _server_date(raw.headers), _age(raw.headers), body)


def _check_header(name: str, key: Secret) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigError("send the key: its header's name holds a character no header may carry")
    if not _HEADER_VALUE.fullmatch(key.reveal()):
        raise ConfigError("send the key: it is empty or holds a character no header may carry; check where it is read")


def _refusal(ask: Ask, headers: HTTPHeaderDict, body: bytes) -> AskError | None:
    """Refuse a body that is none, or that says it is something else than JSON."""
    if not body:
        return ask.transient("http_unexpected", "status 200 without a body; check any proxy on the way", status=200)
    declared = headers.get("Content-Type", "application/json")
    kind = declared.partition(";")[0].strip().lower()
    if kind == "application/json" or ("/" in kind and kind.endswith("+json")):
        return None
    found = f"the answer is '{ask.quote(declared)}', not JSON; check base_url, and for a login page on the way"
    return ask.rejected("content_type", found, body)


def _server_date(headers: HTTPHeaderDict) -> datetime | None:
    return parse_http_date(headers.get("Date", ""))


def _age(headers: HTTPHeaderDict) -> int | None:
    age = headers.get("Age", "").strip()
    if not _AGE.fullmatch(age):
        return None
    digits = age.lstrip("0") or "0"
    return min(int(digits[:11]), _LONGEST_AGE)  # eleven digits are more than the longest, whatever follows


def _bare(fault: AskError) -> AskError:
    """Return the fault without the frames and errors from which it came."""
    fault.__cause__ = None
    fault.__context__ = None
    fault.__traceback__ = None
    return fault
