"""The ledger in a notebook: run it cell by cell beside your `collector.toml`, or whole with `python docs/notebook.py`.

Needs the extra `charts` for the pictures: `pip install 'usage-collector[charts]'`. Nothing here can write to the
database, and nothing asks a provider.
"""

# ruff: noqa: T201 - a notebook shows what it found

# %% Open the configured ledger for reading: quotas, prices, billing periods and zones come from collector.toml.
from pathlib import Path

from collector.app.notebook import ledger_of
from reports.charts.palette import DARK
from reports.charts.pictures import interactive, png

ledger = ledger_of()
print(f"asked at {ledger.now:%Y-%m-%d %H:%M}Z of", {account: list(meters) for account, meters in ledger.meters.items()})

# Without a collector.toml: reports.open_ledger("sqlite:///usage.db", zone="Europe/Berlin")

# %% Every report is a DataFrame whose dtypes do not depend on the values: whole units stay whole beyond 2^53.
days = ledger.daily()
print(days.dtypes.to_string())
print(
    days.tail(7)[["account", "meter", "day", "usage", "lower", "upper", "coverage", "partial"]].to_string(index=False)
)

# %% Ask it as pandas does: usage by weekday, of whole days only.
whole = days[~days["partial"]]
print(whole.groupby(["account", "meter", whole["day"].dt.day_name()])["usage"].sum().to_string())

# %% The other reports take the same questions: accounts, meters, start, end, last_days, zone.
print(ledger.burn().to_string(index=False))
print(
    ledger.exhaustion()[["account", "meter", "quota", "used", "status", "exhausts_on", "reason"]].to_string(index=False)
)
print(ledger.requests(last_days=7).groupby("status").size().to_string())

# %% Each chart of a report says in words what is to be seen, and holds the figures it draws.
charts = ledger.charts("daily")
for name, chart in charts.items():
    print(f"{name}: {chart.summary}")

# %% An Altair object, for the notebook to show and for you to change.
picture = ledger.chart("daily", next(iter(charts))).properties(width=800)
picture  # noqa: B018 - the last expression of a cell is what a notebook shows

# %% Or a file: a picture in dark colours, and a page with tooltips that needs no network.
first = next(iter(charts.values()))
Path("usage.png").write_bytes(png(first, palette=DARK))
Path("usage.html").write_text(interactive(first), encoding="utf-8")

# %%
ledger.close()
