"""Certificates made on the spot with the ``openssl`` command: an authority, and servers good and bad."""

from __future__ import annotations

import ssl
import subprocess
import warnings
from pathlib import Path

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority that exists for one run of the tests.

    Attributes:
        bundle: Its PEM file, for ``ca_bundle``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bundle = folder / "authority.pem"
        self._key = folder / "authority.key"
        _openssl(
            *("req", "-x509", *_CURVE, "-days", "2", "-subj", "/CN=authority of the tests"),
            *("-keyout", self._key, "-out", self.bundle),
        )

    def server(self, names: str = "IP:127.0.0.1,DNS:localhost", *, days: int = 2) -> ssl.SSLContext:
        """Return a server's context whose certificate is for ``names`` and ends in ``days``."""
        key, asked, made, extra = (self._folder / f"leaf.{kind}" for kind in ("key", "csr", "pem", "ext"))
        extra.write_text(f"subjectAltName={names}\n")
        _openssl("req", *_CURVE, "-subj", "/CN=leaf", "-keyout", key, "-out", asked)
        _openssl(
            *("x509", "-req", "-in", asked, "-CA", self.bundle, "-CAkey", self._key, "-CAcreateserial"),
            *("-days", str(days), "-extfile", extra, "-out", made),
        )
        return _context(made, key)

    def self_signed(self) -> ssl.SSLContext:
        """Return a server's context whose certificate nobody vouches for."""
        key, made = self._folder / "self.key", self._folder / "self.pem"
        names = ("-addext", "subjectAltName=IP:127.0.0.1")
        _openssl("req", "-x509", *_CURVE, "-days", "2", "-subj", "/CN=self", *names, "-keyout", key, "-out", made)
        return _context(made, key)

    def outdated(self) -> ssl.SSLContext:
        """Return a server's context that speaks nothing newer than TLS 1.0."""
        context = self.server()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
