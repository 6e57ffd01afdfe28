import cftime
import numpy as np
import pytest

from climeri_platform.testing.timeaxis import daily, monthly, year_means

CALENDARS = ["standard", "proleptic_gregorian", "noleap", "365_day", "360_day"]


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("units", ["days since 1850-01-01", "days since 0001-01-01 00:00:00"])
def test_every_month_begins_on_its_first_day(calendar, units):
    axis = monthly(1890, 20, calendar, units)
    starts = cftime.num2date(axis.bounds[:, 0], units, calendar)
    assert [(d.year, d.month, d.day, d.hour) for d in starts] == [
        (int(y), int(m) + 1, 1, 0) for y, m in zip(axis.year, axis.month, strict=True)
    ]
    assert (axis.bounds[1:, 0] == axis.bounds[:-1, 1]).all()
    assert np.array_equal(np.diff(axis.bounds, axis=1)[:, 0], axis.days)


def test_days_of_leap_years():
    axis = daily(monthly(1999, 2, "standard", "days since 1850-01-01"))
    assert len(axis) == 365 + 366
    assert (axis.bounds[1:, 0] == axis.bounds[:-1, 1]).all()


def test_a_part_knows_where_it_lies():
    axis = monthly(1850, 10, "360_day", "days since 1850-01-01")
    part, inside = axis.cut(1852, 1853)
    assert (part.start, part.stop, len(inside)) == (24, 48, 24)
    assert inside.bounds[0, 0] == 720.0


def test_months_weigh_their_days():
    axis = monthly(1900, 1, "noleap", "days since 1850-01-01")
    values = np.zeros(12)
    values[1] = 365.0
    assert year_means(values, axis) == pytest.approx([28.0])
