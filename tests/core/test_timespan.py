"""Spans of time: what archives write, in every calendar, and what is no moment."""

from __future__ import annotations

import calendar as gregorian
from datetime import date

import cftime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.core.errors import UsageError
from climeri_platform.core.timespan import TimeSpan, follows, last_day_of_month, parse_time_range

CALENDARS = [
    "standard",
    "gregorian",
    "proleptic_gregorian",
    "noleap",
    "365_day",
    "all_leap",
    "366_day",
    "360_day",
    "julian",
]
years = st.integers(1, 9999)
months = st.integers(1, 12)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1850-2014", TimeSpan(185001010000, 201412312359, 4)),
        ("1850", TimeSpan(185001010000, 185012312359, 4)),
        ("185001-201412", TimeSpan(185001010000, 201412312359, 6)),
        ("19500101-19541231", TimeSpan(195001010000, 195412312359, 8)),
        ("2000010100-2000013118", TimeSpan(200001010000, 200001311859, 10)),
        ("200001010130-200001012230", TimeSpan(200001010130, 200001012230, 12)),
        ("20000101013059-20000101223059", TimeSpan(200001010130, 200001012230, 12)),
        ("185001-201412-clim", TimeSpan(185001010000, 201412312359, 6, climatology=True)),
        ("185001-201412-CLIM", TimeSpan(185001010000, 201412312359, 6, climatology=True)),
        ("000101-000112", TimeSpan(101010000, 112312359, 6)),
        ("999901-999912", TimeSpan(999901010000, 999912312359, 6)),
        ("200002-200002", TimeSpan(200002010000, 200002292359, 6)),
        ("190002-190002", TimeSpan(190002010000, 190002282359, 6)),
        # day 30 of February is a day of a 360-day calendar, and a name does not say the calendar
        ("20000230-20000230", TimeSpan(200002300000, 200002302359, 8)),
        # 24:00 closes a day in the names of sub-daily files
        ("200001010000-200001012400", TimeSpan(200001010000, 200001012400, 12)),
    ],
)
def test_labels_of_archives(text, span):
    assert parse_time_range(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tas",
        "185",
        "18500-20141",
        "1850011-2014121",
        "185001010-201412010",
        "185000-185012",
        "185013-185112",
        "18500100-18500131",
        "18500132-18500201",
        "1850010125-1850010126",
        "185001010060-185001010061",
        "201412-185001",
        "185001-201412-climatology",
        "185001_201412",
        "185001-201412-201501",
        "१८५०-२०१४",
    ],
)
def test_what_is_no_time_range(text):
    with pytest.raises(UsageError) as refused:
        parse_time_range(text)
    assert repr(text) in refused.value.message or "no moment" in refused.value.message


def test_a_calendar_refuses_days_that_it_does_not_have():
    assert parse_time_range("20000230-20000230", "360_day").end == 200002302359
    for calendar in ("standard", "noleap"):
        with pytest.raises(UsageError, match="no day 30"):
            parse_time_range("20000230-20000230", calendar)


@given(years, months, st.sampled_from(CALENDARS))
def test_last_day_is_that_of_cftime(year, month, calendar):
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    first, after = (
        cftime.datetime(y, m, 1, calendar=calendar, has_year_zero=True)
        for y, m in ((year, month), following)
    )
    ours = last_day_of_month(year, month, calendar)
    if (year, month) == (1582, 10) or (
        calendar in ("standard", "gregorian") and year < 1582 and month == 2
    ):
        return  # the mixed calendar; names say nothing of it, the proleptic rule is documented
    assert ours == (after - first).days


@given(years, months, years, months, st.sampled_from([None, *CALENDARS]))
def test_months_as_written_are_read_back(first, month, last, last_month, calendar):
    start, end = sorted([(first, month), (last, last_month)])
    text = f"{start[0]:04d}{start[1]:02d}-{end[0]:04d}{end[1]:02d}"
    span = parse_time_range(text, calendar)
    assert span.digits == 6
    assert not span.climatology
    assert span.start == int(f"{start[0]:04d}{start[1]:02d}010000")
    assert span.end // 1_000_000 == int(f"{end[0]:04d}{end[1]:02d}")
    assert span.end // 10_000 % 100 == last_day_of_month(*end, calendar)
    assert span.end % 10_000 == 2359


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)), st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_days_as_written_are_read_back(one, other):
    start, end = sorted([one, other])
    text = "-".join(f"{each.year:04d}{each.month:02d}{each.day:02d}" for each in (start, end))
    span = parse_time_range(text)
    assert (span.start, span.end) == (
        int(text[:8] + "0000"),
        int(text[9:] + "2359"),
    )


@given(st.text(alphabet="0123456789-_clim", max_size=30))
def test_anything_else_is_refused_or_ordered(text):
    try:
        span = parse_time_range(text)
    except UsageError:
        return
    assert 0 <= span.start <= span.end < 10**12


@given(years, months, st.sampled_from(CALENDARS))
def test_a_month_follows_the_one_before_in_any_calendar(year, month, calendar):
    after = (year + 1, 1) if month == 12 else (year, month + 1)
    if after[0] > 9999:
        return
    one = parse_time_range(f"{year:04d}{month:02d}", calendar)
    two = parse_time_range(f"{after[0]:04d}{after[1]:02d}", calendar)
    assert follows(one.end, two.start)


@given(st.dates(date(1, 1, 1), date(9990, 12, 1)), st.integers(5, 4000))
def test_what_lacks_days_does_not_follow(day, gap):
    later = date.fromordinal(day.toordinal() + gap)
    end, start = (int(f"{d.year:04d}{d.month:02d}{d.day:02d}0000") for d in (day, later))
    assert not follows(end, start)
    assert follows(start, end)  # an overlap is no hole; opening finds it


def test_only_the_end_of_a_month_may_be_early():
    assert follows(200001280000, 200002010000)
    assert not follows(200001270000, 200002010000)
    assert gregorian.monthrange(2000, 1)[1] == 31


def test_a_day_ends_at_24_hours_and_not_later():
    for text in ("200001012401", "2000010125", "200001012430-200001022430"):
        with pytest.raises(UsageError, match="hour or minute"):
            parse_time_range(text)
