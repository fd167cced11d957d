"""Settings: the configuration file, the environment and the account's terms.

    collector.toml ─┐
    COLLECTOR_…    ─┼─ load ─→ Settings ─→ AccountSettings ── account(environ) ─→ Account with its key
    …_FILE         ─┘

Loading needs no key, so every reading verb works without one; a key is read when an account is about to be asked.
"""

from __future__ import annotations

from collector.config.durations import parse_duration
from collector.config.keys import KeySource
from collector.config.loading import find_config, load
from collector.config.report_values import Missed, ReportFormat
from collector.config.reports import ReportSettings, TargetSource
from collector.config.settings import AccountSettings, CollectorSettings, Settings, double_counting
from collector.config.template import TemplateAccount, template

__all__ = [
    "AccountSettings",
    "CollectorSettings",
    "KeySource",
    "Missed",
    "ReportFormat",
    "ReportSettings",
    "Settings",
    "TargetSource",
    "TemplateAccount",
    "double_counting",
    "find_config",
    "load",
    "parse_duration",
    "template",
]
