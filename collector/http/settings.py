"""The limits of one attempt, and the two things about the network an operator may choose.

There is deliberately no setting that weakens TLS: a private certificate authority is named with ``ca_bundle``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from collector.http.strict_json import MAX_BYTES


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How much one attempt may take, and how the network is reached.

    Attributes:
        deadline: For the whole attempt: name, connection, TLS, headers, body and retries together.
        max_bytes: The longest body that is read.
        retry_delays: Seconds before each retry within the attempt; as many retries as there are delays.
        ca_bundle: A PEM file of certificate authorities to trust instead of the usual ones.
        proxy: ``http://[user:password@]host:port`` through which https addresses are reached by CONNECT.
        pool_size: How many origins are remembered, and how many connections to each may be open.
    """

    deadline: timedelta = timedelta(seconds=30)
    max_bytes: int = MAX_BYTES
    retry_delays: tuple[float, ...] = (0.5, 1.0)
    ca_bundle: Path | None = None
    proxy: str | None = field(default=None, repr=False)  # may hold a password
    pool_size: int = 64
