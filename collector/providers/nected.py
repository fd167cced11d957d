"""Nected: one counter of rule and workflow invocations, and no list of requests.

The reference does not say when the counter resets, nor whether it ever does.

Source: "Check Usage API", Nected API reference: endpoint, header, response fields and error codes.

Public: ``Nected``.
"""

from __future__ import annotations

from typing import Final

from collector.domain.accounts import Meter
from collector.providers.contract import Answer, ApiRequest
from collector.providers.validation import Counter, Documented, object_of, read_as, reported_error, unknown_fields

_INVOCATIONS = Meter("invocations", "invocations")


class _Verdict(Documented):
    code: str


class _Data(Documented):
    invocations: Counter


class _Usage(_Verdict):
    data: _Data
    message: object = None  # for people; nothing depends on it


class Nected:
    """The provider ``nected``."""

    name: Final = "nected"
    title: Final = "Nected"
    base_url: Final = "https://api.nected.ai"
    key_env: Final = "NECTED_API_KEY"
    meters: Final = (_INVOCATIONS,)
    requests_meter: Final = None

    def request(self) -> ApiRequest:
        """Return the asking for the account's usage.

        Source: "Check Usage API", "Endpoint" and "Headers".
        """
        return ApiRequest("/dev/usage", "Nected-API-Key")

    def parse(self, payload: object) -> Answer:
        """Return the count of invocations.

        Raises:
            AnswerRejectedError: ``api_error`` where ``code`` is not ``success`` or ``success`` is false, otherwise
                ``schema`` with the place that is not as documented.

        Source: "Check Usage API", "Response Fields".
        """
        found = object_of(payload, self.title)
        # `success` is not documented here, but an answer that denies it must never become a snapshot.
        if found.get("success") is False or read_as(_Verdict, found, self.title).code != "success":
            raise reported_error(self.title, found, ("code", "message"))
        usage = read_as(_Usage, found, self.title)
        unknown = unknown_fields(_Usage, found) | unknown_fields(_Data, found["data"], "data.")
        return Answer({_INVOCATIONS.name: usage.data.invocations}, unknown_fields=tuple(sorted(unknown)))
