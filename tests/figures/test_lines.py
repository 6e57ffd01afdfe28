"""Series of several models."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from climeri_platform.core.errors import UnitMismatch, UsageError
from climeri_platform.figures import series
from climeri_platform.figures.canvas import pretty_units


def line(first=1850, count=10, **attrs):
    attrs = {"units": "K", "long_name": "air temperature"} | attrs
    years = np.arange(first, first + count)
    return xr.DataArray(
        np.arange(count) + 280.0, coords={"year": years}, dims="year", name="tas", attrs=attrs
    )


def words(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_each_model_has_its_line_and_the_truth_one_entry():
    models = {"A": line(), "B": line(1900)}
    axes = series(models, reference=models, reference_label="truth", title="Global mean")
    assert words(axes) == ["A", "B", "truth"]
    assert len(axes.lines) == 4
    assert axes.get_ylabel() == "Air temperature [K]"
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), np.arange(1900, 1910))
    assert axes.lines[0].get_color() != axes.lines[1].get_color()
    assert axes.lines[3].get_color() == "black"
    assert axes.figure._repr_png_().startswith(b"\x89PNG")


def test_a_single_series_needs_no_mapping():
    assert words(series(line())) == ["tas"]
    assert words(series(line(), reference=line())) == ["tas", "reference"]


def test_many_lines_are_still_told_apart():
    axes = series({str(k): line() for k in range(20)})
    looks = {
        (each.get_color(), each.get_linestyle(), each._unscaled_dash_pattern[1])
        for each in axes.lines
    }
    assert len(axes.lines) == 20
    assert len(looks) >= 14


@pytest.mark.parametrize("use_cftime", [True, False])
def test_times_of_any_kind_are_drawn(use_cftime):
    calendar = "noleap" if use_cftime else "standard"
    time = xr.date_range("2000-01", periods=24, freq="MS", calendar=calendar, use_cftime=use_cftime)
    axes = series(xr.DataArray(np.zeros(24), coords={"time": time}, dims="time", name="tas"))
    if use_cftime:
        assert axes.lines[0].get_xdata()[12] == pytest.approx(2001)
    assert axes.figure._repr_png_()


def test_lines_in_other_units_are_refused():
    with pytest.raises(UnitMismatch, match=r"'A' is in 'K', 'B' in 'degC'"):
        series({"A": line(), "B": line(units="degC")})
    bare = line().drop_attrs()
    assert words(series({"A": line(), "B": bare})) == ["A", "B"]


def test_what_is_no_line_is_refused():
    with pytest.raises(UsageError, match="no line to draw"):
        series({})
    with pytest.raises(UsageError, match="needs one dimension"):
        series({"A": line().expand_dims(member=2)})


def test_axes_may_be_given():
    axes = series({"A": line()})
    assert series({"B": line()}, ax=axes, label="mine") is axes
    assert words(axes) == ["A", "B"]
    assert axes.get_ylabel() == "mine"


@pytest.mark.parametrize(
    ("units", "shown"),
    [("W m-2", "W m$^{-2}$"), ("m2", "m$^{2}$"), ("%", "%"), ("", ""), ("deg_C", "°C")],
)
def test_units_are_written_as_people_do(units, shown):
    assert pretty_units(units) == shown


def test_nothing_is_left_behind():
    script = """
import sys
import climeri_platform.figures as figures
assert "matplotlib" not in sys.modules
import matplotlib, xarray as xr
before = dict(matplotlib.rcParams)
field = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], coords={"lat": [0, 1], "lon": [0, 1]}, dims=("lat", "lon"))
figures.map_of(field).figure._repr_png_()
figures.series(field[0].rename(lon="year").rename("tas"))
import matplotlib.pyplot
assert matplotlib.pyplot.get_fignums() == []
assert dict(matplotlib.rcParams) == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_the_door_says_which_package_is_missing(monkeypatch):
    import climeri_platform.figures as room
    from climeri_platform.core.errors import MissingExtra

    def lost(name):
        raise ModuleNotFoundError(name="cartopy")

    monkeypatch.setattr("climeri_platform.core.extras.import_module", lost)
    monkeypatch.delitem(vars(room), "map_of", raising=False)
    with pytest.raises(MissingExtra, match="drawing needs the package 'cartopy'"):
        _ = room.map_of
    with pytest.raises(AttributeError, match="no attribute 'plume'"):
        _ = room.plume
    assert set(room.__all__) <= set(dir(room))
