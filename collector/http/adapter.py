"""requests' session without an environment, cookies or redirects, on one TLS context and pools that hold every origin.

requests loads the certificate authorities anew for every connection (30 ms) and keeps ten pools; with one context and
enough pools a poll costs little more than its handshake.
"""

from __future__ import annotations

import ssl
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from collector.errors import ConfigError
from collector.http.attempt import CURRENT_ATTEMPT
from collector.http.connections import PlainPool, TlsPool
from collector.http.retries import AttemptRetry
from collector.http.transport import DeadlineTlsSocket

_POOLS = {"http": PlainPool, "https": TlsPool}


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Return the one context of all connections: certificates verified, TLS 1.2 or newer.

    Made without ``ssl.create_default_context``, which would obey variables of the environment.

    Raises:
        ConfigError: ``ca_bundle`` is no readable PEM file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = DeadlineTlsSocket
    try:
        context.load_verify_locations(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    except (OSError, ssl.SSLError) as error:
        why = type(error).__name__
        raise ConfigError(
            f"load the certificate authorities from {ca_bundle}: {why}; name a PEM file in ca_bundle"
        ) from None
    return context


class _KeyedAdapter(HTTPAdapter):
    """Sends over our pools, and adds the key at the last moment, so that no session ever holds it."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        super().__init__(pool_connections=pool_size, pool_maxsize=pool_size, max_retries=AttemptRetry.unlimited())

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **proxy_kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, conn: object, url: object, verify: object, cert: object) -> None:
        """Leave the connection alone: the context verifies, and naming a bundle here would load it each time."""

    def add_headers(self, request: requests.PreparedRequest, **kwargs: Any) -> None:
        attempt = CURRENT_ATTEMPT.get()
        request.headers[attempt.key_header] = attempt.ask.key.reveal()


class _PlainSession(requests.Session):
    """A session to which a redirect is an answer like any other."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        # requests would read and inflate the body to prepare the next request, even where redirects are off.
        return None


def session_over(context: ssl.SSLContext, pool_size: int) -> requests.Session:
    """Return a session that may be used by many threads at once."""
    session = _PlainSession()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.adapters.clear()
    adapter = _KeyedAdapter(context, pool_size)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
