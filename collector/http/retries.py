"""The short retries within one attempt, as urllib3's ``Retry``.

urllib3 decides where in its work a retry may happen; here is decided whether: only for what may pass within a second
(a 5xx, a broken or refused connection, a name without an address), as often as the settings have delays, and only
while the deadline leaves time for the pause. Everything else ends the attempt here, as the error it is.
"""

from __future__ import annotations

from types import TracebackType

from urllib3 import BaseHTTPResponse, Retry
from urllib3.connectionpool import ConnectionPool

from collector.http.attempt import CURRENT_ATTEMPT
from collector.http.faults import fault_of_exchange


class AttemptRetry(Retry):
    """Retries by the budget of the current attempt; holds no state of its own but the history."""

    @classmethod
    def unlimited(cls) -> AttemptRetry:
        """Return the retry object that leaves every limit to the attempt."""
        return cls(total=None, redirect=0, raise_on_redirect=False, respect_retry_after_header=False)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        """Tell whether a response with this status is worth another try at once."""
        if status_code == 503 and has_retry_after:
            return False  # the server says when to come back
        return 500 <= status_code < 600 and CURRENT_ATTEMPT.get().may_retry("http_5xx", len(self.history))

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> AttemptRetry:
        """Return the state after one more failure.

        Raises:
            AskError: The failure ends the attempt.
        """
        if error is not None:
            self._check_worth_retrying(error)
        if response is not None:
            response.close()  # or urllib3 reads the failure's body to its end, which may never come
        CURRENT_ATTEMPT.get().begin_try()
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Pause before the next try."""
        CURRENT_ATTEMPT.get().pause(len(self.history) - 1)

    def _check_worth_retrying(self, error: Exception) -> None:
        attempt = CURRENT_ATTEMPT.get()
        attempt.stop.check()
        fault = fault_of_exchange(attempt.ask, error)
        if not attempt.may_retry(fault.outcome, len(self.history)):
            raise fault
