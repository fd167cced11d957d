"""The only door to the network: one GET at a time, bounded in time and bytes, and strict about what comes back.

``HttpClient.get_json`` asks once and gives an ``HttpAnswer`` or raises one of the errors of ``collector.errors``;
which outcome code means what is the table in ``collector.http.faults``. The parts, from the outside in:

    client       one asking: address, key, attempt, answer
    adapter      requests' session without environment, cookies and redirects; one TLS context; the pools
    retries      the short retries within one attempt, as urllib3's ``Retry``
    connections  urllib3's connections on sockets of ours; stricter about header blocks
    transport    sockets whose every step ends with the attempt's deadline
    resolver     names to addresses, without waiting for a slow name server
    attempt      what one asking may still spend: time, bytes, tries
    stopping     the switch that ends all of them at once
    framing      how long a body is, and whether it may be read
    strict_json  bytes to values, or a refusal
    foreign      requests that a notification's library makes by itself: no environment, bounded answers

Rules for editors: nothing here reads the clock, the environment or a proxy setting of the machine; there is no way
to switch the verification of certificates off; no error leaves with a request, a response or a key attached.
"""

from __future__ import annotations

from collector.http.client import HttpAnswer, HttpClient
from collector.http.settings import HttpSettings
from collector.http.strict_json import load_json

__all__ = ["HttpAnswer", "HttpClient", "HttpSettings", "load_json"]
