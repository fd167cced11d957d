"""The verb ``serve``: the dashboard, health and metrics."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from collector.app.cli.options import Config, settings_of
from collector.errors import UsageError

_NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="The address to listen on; serve.host without it.")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; serve.port without it, 0 takes a free one.", min=0, max=65535)
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="The token that must be shown, in a file.", metavar="FILE")
    ] = None,
    config: Config = None,
) -> None:
    """Show the figures in a browser, with an API, health and metrics; read-only, until SIGTERM or SIGINT."""
    missing = [one for one in _NEEDED if find_spec(one) is None]
    if missing:
        raise UsageError(
            f"serving needs {missing[0]}, which is not installed; `pip install 'usage-collector[web]'` installs it"
        )
    from dataclasses import replace

    from collector.app import logs
    from collector.app.web.serving import Listening, serve_until_stopped
    from collector.config import KeySource
    from collector.config.serving import checked_host

    settings = settings_of(context, config)
    wanted = settings.serve
    if token_file is not None:
        wanted = replace(wanted, token_source=KeySource(file=token_file.absolute()))
    try:
        address = wanted.host if host is None else checked_host(host)
    except ValueError as error:
        raise UsageError(f"--host {error}") from None
    token = wanted.token(os.environ)
    logs.configure([] if token is None else [token])
    listening = Listening(address, wanted.port if port is None else port, token, wanted.trusted_hosts)
    serve_until_stopped(settings, listening, lambda place: typer.echo(f"serving on {place}"))
