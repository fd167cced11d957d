from collections.abc import Callable

import pytest
from pydantic import TypeAdapter, ValidationError

from collector.config.diagnosis import faults_of

Refused = Callable[..., str]

ACCOUNT = '[[accounts]]\nname = "a"\nprovider = "nellie"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{ACCOUNT}[accounts.billing]\nanchor_dy = 15",
            "line 5: accounts[0].billing.anchor_dy is unknown; did you mean anchor_day?",
        ),
        (f"{ACCOUNT}pol_every = '5m'", "line 4: accounts[0].pol_every is unknown; did you mean poll_every?"),
        (f"{ACCOUNT}api_key = {{ evn = 'A' }}", "accounts[0].api_key.evn is unknown; did you mean env?"),
        ("[databse]\nurl = 'sqlite:///a'", "line 1: databse is unknown; did you mean database?"),
        ("url = 'sqlite:///a'", "line 1: url is unknown here; it belongs under [database]"),
        (
            f"{ACCOUNT}[accounts.billing]\npoll_every = '5m'",
            "line 5: accounts[0].billing.poll_every is unknown here; it belongs under [[accounts]]",
        ),
        (
            f"{ACCOUNT}quota = 5",
            "line 4: accounts[0].quota is unknown here; it belongs under [accounts.meters.NAME]",
        ),
        (
            f"{ACCOUNT}[accounts.meters.credits]\nquota = {{ lifetme = 5 }}",
            "line 5: accounts[0].meters.credits.quota.lifetme is unknown; did you mean lifetime?",
        ),
        ("[daemon]\nzzz = 1", "line 2: daemon.zzz is unknown; known here: workers, state_folder, spool_limit_mib"),
        (
            '"a b\\u001b" = 1',
            'line 1: "a b\\u001b" is unknown; known here: database, http, daemon, notify, serve, reports, accounts',
        ),
        (f"{ACCOUNT}allow_insecure = true", "line 4: accounts[0].allow_insecure is unknown"),
    ],
    ids=lambda value: value.splitlines()[-1][:40].encode("unicode_escape").decode(),
)
def test_unknown_key_is_named_with_line_and_the_nearest_valid_name(refused: Refused, text: str, message: str) -> None:
    assert message in refused(text)


def test_one_fault_is_one_line_that_begins_with_file_and_line(refused: Refused) -> None:
    message = refused("[daemon]\nzzz = 1")

    known = "workers, state_folder, spool_limit_mib"
    assert message.endswith(f"collector.toml, line 2: daemon.zzz is unknown; known here: {known}")
    assert "\n" not in message


def test_several_faults_are_told_at_once_in_the_files_order(refused: Refused) -> None:
    message = refused(f"{ACCOUNT}poll_every = '1s'\n[http]\ndeadline = 1\n[database]\nurl = ''\nx = 1\n")
    head, *rows = message.splitlines()

    assert head.endswith("collector.toml has 4 faults:")
    assert [row.split(":")[0].strip() for row in rows] == ["line 4", "line 6", "line 8", "line 9"]


def test_faults_of_file_and_environment_are_told_together(refused: Refused) -> None:
    message = refused("[daemon]\nzzz = 1", {"COLLECTOR_DATABASE__URI": "x", "COLLECTOR_HTTP__DEADLINE": "0s"})

    assert "has 3 faults" in message


def test_misspelt_key_sets_off_no_complaint_about_what_it_would_have_said(refused: Refused) -> None:
    message = refused(f"{ACCOUNT}[accounts.billing]\nperoid = 'monthly'\n[accounts.meters.credits]\nquota = 5\n")

    assert "did you mean period?" in message
    assert "quota" not in message


def test_sound_account_beside_a_broken_one_is_checked_all_the_same(refused: Refused) -> None:
    message = refused(f"{ACCOUNT}zzz = 1\n[[accounts]]\nname = 'b'\nprovider = 'nelly'\n")

    assert "accounts[0].zzz" in message
    assert 'accounts[1].provider must be one of nected, nellie; found "nelly"; did you mean nellie?' in message


def test_very_many_faults_are_counted_and_the_first_fifty_shown(refused: Refused) -> None:
    rows = refused("".join(f"x{number} = 1\n" for number in range(60))).splitlines()

    assert rows[0].endswith("has 60 faults:")
    assert (len(rows), rows[-1]) == (52, "  and 10 more")


def test_fault_of_a_kind_never_met_is_told_without_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("hunter2")

    assert ["hunter2" in fault.text for fault in faults_of(caught.value)] == [False]
