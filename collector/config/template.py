"""Writes the commented ``collector.toml`` that ``collector init`` starts with.

Two kinds of comment, told apart by a space: ``# a sentence`` explains, ``#key = value`` is a setting that is switched
off. The text is valid as it is, and stays valid with every such setting switched on; tests hold both, and that no
setting goes without mention.

Public: ``template``, ``TemplateAccount``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.config.accounts import quickest_interval
from collector.config.durations import format_duration, parse_duration
from collector.config.wording import one_of
from collector.errors import ConfigError
from collector.providers import PROVIDERS
from collector.providers.contract import Provider

_HEAD = """\
# Settings of the usage history collector.
#
# Durations are a whole number and a unit: "30s", "5m", "6h", "1d". Environment variables override this file: the
# setting's path in capitals after COLLECTOR_, its parts joined by two underscores, such as COLLECTOR_DATABASE__URL;
# COLLECTOR_ACCOUNTS takes all accounts as a JSON list. With _FILE at its end (COLLECTOR_DATABASE__URL_FILE) a variable
# names a file that holds the value. Check what you wrote with: collector doctor

[database]
# Where the history is kept. A relative path is relative to this file (three slashes; an absolute path has four).
# PostgreSQL is "postgresql://user@host/name"; a password belongs into COLLECTOR_DATABASE__URL, not here.
url = "sqlite:///usage.db"
# A SQLite file on NFS, SMB or another network file system is refused: its locks and its log do not hold there.
#allow_network_filesystem = false
# How long a writer waits for another one's transaction, 1s to 5m. Then a poll is kept until it can be stored.
#busy_timeout = "30s"
# How long a PostgreSQL server may be away when `poll` or `run` starts, 1s to 1h.
#connect_patience = "60s"

[http]
# The longest time one attempt to ask a provider may take, 1s to 5m.
#deadline = "30s"
# Certificates to trust instead of the usual ones, for a company's own authority; relative to this file.
#ca_bundle = "certificates.pem"
# Proxies of the environment (HTTPS_PROXY) are ignored on purpose; this one is used.
#proxy = "http://proxy.example:3128"

[daemon]
# How many accounts `collector run` asks at the same time, 1 to 64.
#workers = 8
# Where polls that cannot be stored yet, and the newest digests seen, are kept on this machine. Not given, it is a
# folder beside a SQLite file (usage.db.state), for PostgreSQL one of the user's own. Two databases never share one.
#state_folder = "state"
# How many MiB of polls that cannot be stored are kept; then the newest are dropped, and counted.
#spool_limit_mib = 64

[notify]
# Send reports also to this machine and to private networks (10.0.0.0/8, …), which are refused otherwise.
#allow_private = false
# Who is told when a key is rejected, or answers cannot be stored: addresses as those of a report's `to`, see below.
#faults_to = [{ env = "FAULT_MAIL_URL" }]

[serve]
# Where `collector serve` shows the figures. Any address but one of this machine's own loopback needs a token.
#host = "127.0.0.1"
#port = 8321
# Where the token is kept that a browser or a program must show: { env = "VARIABLE" } or { file = "PATH" }.
#token = { env = "DASHBOARD_TOKEN" }
# Names that it is reached by beside localhost, such as that of a proxy in front of it.
#trusted_hosts = ["usage.example.com"]
"""

_NO_ACCOUNTS = """
# No account yet. Each begins with a line [[accounts]] and needs a name and a provider. Run `collector init` in an
# empty folder for an example of everything an account can have.
"""

_ACCOUNT = """
[[accounts]]
# Your own name for it: a-z, 0-9, _ and -, at most 40. The history belongs to this name and survives a change of key.
name = {name}
# Whom to ask: {offered}.
provider = {provider}
# Where the key is kept, never the key itself: {{ env = "VARIABLE" }}, {{ file = "PATH" }} or {{ keyring = "SERVICE" }}
# (the system's keyring; its username is the account's name, or given here too). Without this line it is the provider's
# customary variable. A key file must not be open to every user (chmod 600).
api_key = {{ env = {key_env} }}
# Where the provider answers; https only, except on loopback.
{base_url}
# The longest time between two polls, 10s to 24h. The collector asks sooner where the list of requests would overrun.
poll_every = {poll_every}
# The shortest, while so many requests come that the list would overrun; up to poll_every. A tenth of it if not given.
#poll_every_min = {poll_every_min}
# Whose midnights make a day.
timezone = {timezone}
# Accept answers that end when the connection closes. Such an answer may be cut short without a sign of it.
#allow_close_delimited = false

  # When the provider's billing periods begin.
  [accounts.billing]
  # none (the default), daily, weekly, monthly or yearly
  #period = "monthly"
  # On which it begins: day of the month 1 to 31 (shorter months use their last day), or of the week 1 (Monday) to 7.
  # A yearly period has a month too: anchor_month = 4 is April.
  #anchor_day = 1
  # Of the prices below, ISO 4217.
  #currency = "EUR"

  # By how much an invoice may differ from what was used: in whole units, in money, or in percent of what is billed,
  # whichever allows more.
  [accounts.billing.tolerance]
  #quantity = 0
  #amount = "0.00"
  #percent = "0.5"
"""

_METER = """
  [accounts.meters.{meter}]
  # How many {unit} may be used per billing period; {{ lifetime = 10000 }} for a prepaid allowance.
  #quota = 10000
  # What the provider does to the counter when a period ends: never, period (it begins again) or unknown.
  #resets = "unknown"
  # More {unit} than this within an hour are a spike: booked, but in no burn rate and no forecast until you decide
  # (collector resets list). Without it a bound is learned from the growth so far.
  #max_per_hour = 5000
  # Of one unit, an exact decimal in quotes; it needs billing.currency.
  #price = "0.004"
  # A price that changes, or has included units, tiers or a minimum, is a list instead, one table from each day on:
  #   [[accounts.meters.{meter}.prices]]
  #   valid_from = 2026-07-01  # the local day it begins; without it, ever since
  #   included = 1000  # units of each billing period that cost nothing
  #   tiers = [{{ up_to = 10000, per_unit = "0.004" }}, {{ per_unit = "0.003" }}]  # or per_unit = "0.004"
  #   mode = "graduated"  # each unit costs what its tier says; "volume": all cost what the tier of their sum says
  #   minimum = "10.00"  # what a billing period costs at least
"""

_REPORTS = """
# Reports that `collector run` makes by itself, puts into a folder and sends: one table [[reports]] for each. All of it:
#   [[reports]]
#   name = "month-for-finance"  # as an account's; files are called month-for-finance-2026-10.html
#   report = "month"  # daily, burn, exhaustion, trend, requests, month or reconcile
#   schedule = { every = "month", day = 2, at = "07:00" }  # every "day", "week" (weekday = "monday") or "month"
#   #schedule = { cron = "0 7 * * 1", about = "week" }  # or as in cron; about: the "day", "week" or "month" before
#   timezone = "Europe/Berlin"  # of the schedule; without it that of the accounts if they share one, else UTC
#   accounts = [ACCOUNT]  # without it all
#   meters = [METER]  # without it all
#   formats = ["html", "pdf", "xlsx"]  # html (the default), pdf, xlsx, csv, json, md, parquet, png (its charts)
#   folder = "reports"  # relative to this file; a link NAME-latest.html always leads to the newest
#   keep = 24  # how many periods' files stay in the folder; without it all
#   to = [{ env = "REPORT_MAIL_URL" }]  # or { file = "PATH" }: where an address of apprise is kept, such as
#   #   mailtos://user:password@mail.example.com?from=reports@example.com&to=team@example.com
#   #   or one of Slack, Teams, ntfy, a webhook …; the literal { url = "mailto://…" } must hold no password
#   invoice = "invoices/{period}.csv"  # month and reconcile: held against it if it lies there, relative to this file
#   subject = "Usage for finance"  # without it the report's own title
#   missed = "each"  # after a stop: every period that was missed, or only the "last"
#   wait_for_data = "6h"  # how long it waits for a poll after its period's end before it is made without
"""


@dataclass(frozen=True, slots=True)
class TemplateAccount:
    """One account to write into the template.

    Attributes:
        key_env: The variable that holds the key; None for the provider's customary one.
        base_url: Where to ask instead of the provider's own address.
    """

    name: str
    provider: str
    key_env: str | None = None
    base_url: str | None = None
    poll_every: str = "5m"
    timezone: str = "UTC"


def template(accounts: Sequence[TemplateAccount] | None = None, providers: Mapping[str, Provider] = PROVIDERS) -> str:
    """Return the text of a commented ``collector.toml`` with these accounts; without any given, one of each provider.

    Raises:
        ConfigError: An account's provider is unknown, or its ``poll_every`` is no duration.
    """
    if accounts is None:
        accounts = [TemplateAccount(name, name) for name in providers]
    parts = [_HEAD]
    for account in accounts:
        # What a setting means is explained once, in the first account.
        parts.extend(_blocks(account, providers) if len(parts) == 1 else map(_bare, _blocks(account, providers)))
    if not accounts:
        return "".join([_HEAD, _NO_ACCOUNTS, _REPORTS])
    first = json.dumps(accounts[0].name)
    meter = json.dumps(providers[accounts[0].provider].meters[0].name)
    return "".join([*parts, _REPORTS.replace("[ACCOUNT]", f"[{first}]").replace("[METER]", f"[{meter}]")])


def _blocks(account: TemplateAccount, providers: Mapping[str, Provider]) -> Iterator[str]:
    provider = providers.get(account.provider)
    if provider is None:
        raise ConfigError(f"the provider of account {account.name} {one_of(account.provider, providers)}")
    base_url = account.base_url or provider.base_url
    quickest = quickest_interval(parse_duration(account.poll_every), base_url)
    yield _ACCOUNT.format(
        name=_quoted(account.name),
        offered=" or ".join(_quoted(name) for name in providers),
        provider=_quoted(provider.name),
        key_env=_quoted(account.key_env or provider.key_env),
        base_url=f"{'' if account.base_url else '#'}base_url = {_quoted(base_url)}",
        poll_every=_quoted(account.poll_every),
        poll_every_min=_quoted(format_duration(quickest)),
        timezone=_quoted(account.timezone),
    )
    for number, meter in enumerate(provider.meters):
        block = _METER.format(meter=meter.name, unit=meter.unit)
        yield _bare(block) if number else block


def _bare(block: str) -> str:
    return "".join(line for line in block.splitlines(keepends=True) if not line.lstrip().startswith("# "))


def _quoted(text: str) -> str:
    # A TOML string has the escapes of a JSON string; only the delete character needs one more.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
