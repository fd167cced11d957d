"""Only an address to which a key may travel is ever asked."""

from __future__ import annotations

import pytest

from collector.errors import ConfigError
from collector.http.addresses import checked_proxy, place_of

ALLOWED = {
    "https://api.nected.ai/dev/usage": "https://api.nected.ai",
    "https://API.example.com:8443/v1?a=b": "https://api.example.com:8443",
    "HTTPS://api.example.com/": "https://api.example.com",
    "https://192.0.2.7/": "https://192.0.2.7",
    "https://[2001:db8::1]:443/": "https://[2001:db8::1]:443",
    "https://api.example.com./": "https://api.example.com.",
    "http://localhost:8000/x": "http://localhost:8000",
    "http://127.0.0.1/": "http://127.0.0.1",
    "http://127.9.9.9:1/": "http://127.9.9.9:1",
    "http://[::1]:8000/": "http://[::1]:8000",
}

REFUSED = [
    "http://api.example.com/",
    "http://localhost.example.com/",
    "http://127.0.0.1.example.com/",
    "http://0.0.0.0/",
    "http://127.1/",
    "http://2130706433/",
    "http://[::ffff:192.0.2.1]/",
    "https://user@api.example.com/",
    "https://user:password@api.example.com/",
    "https://@api.example.com/",
    "https://good.example\\@evil.example/",
    "https://good.example /",
    "https://good.example\t.evil.example/",
    "https://good.example/\r\nX-Evil: 1",
    "https://exämple.com/",
    "https://example%2ecom/",
    "https://[::1%25eth0]/",
    "https://[::1/",
    "https://api.example.com:0/",
    "https://api.example.com:99999/",
    "https://api.example.com:http/",
    "https://-example.com/",
    "https://" + "a" * 64 + ".com/",
    "https:///usage",
    "https:api.example.com",
    "ftp://api.example.com/",
    "file:///etc/passwd",
    "api.example.com/usage",
    "",
]


@pytest.mark.parametrize(("url", "place"), ALLOWED.items())
def test_safe_address_is_named_by_scheme_and_host(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("url", REFUSED)
def test_unsafe_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        place_of(url)


def test_refusal_does_not_show_a_password() -> None:
    with pytest.raises(ConfigError) as caught:
        place_of("https://user:hunter2@api.example.com/?token=hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("proxy", [None, "http://proxy.example:3128", "http://me:pw@127.0.0.1:8080/"])
def test_usable_proxy_is_taken(proxy: str | None) -> None:
    assert checked_proxy(proxy) == proxy


@pytest.mark.parametrize(
    "proxy", ["https://proxy.example:3128", "socks5://localhost:1080", "proxy.example:3128", "http://p/path", "http://"]
)
def test_other_proxy_is_a_mistake_in_the_settings(proxy: str) -> None:
    with pytest.raises(ConfigError, match=r"http://host:port|cannot be read"):
        checked_proxy(proxy)
