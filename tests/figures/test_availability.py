"""The availability matrix: what is there, for how long, and where holes are."""

from __future__ import annotations

import pytest

from climeri_platform.core.errors import UsageError
from climeri_platform.figures import availability

CELLS = {
    ("A", "historical tas"): (165, 3, False),
    ("A", "historical orog"): (None, 1, False),
    ("B", "historical tas"): (100, 1, True),
}


def test_rows_columns_and_members_are_written():
    axes = availability(CELLS, title="monthly")
    assert [each.get_text() for each in axes.get_yticklabels()] == ["A", "B"]
    assert [each.get_text() for each in axes.get_xticklabels()] == [
        "historical orog",
        "historical tas",
    ]
    assert sorted(each.get_text() for each in axes.texts) == ["1", "1", "3"]
    assert axes.get_title(loc="left") == "monthly"


def test_holes_are_hatched_and_what_is_absent_is_white():
    axes = availability(CELLS)
    assert [patch.get_hatch() for patch in axes.patches] == ["////"]
    (mesh,) = axes.collections
    assert mesh.get_array().count() == 3


def test_it_draws_where_it_is_told():
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert availability(CELLS, ax=axes) is axes


def test_fixed_fields_alone():
    axes = availability({("A", "orog"): (None, 2, False)})
    assert [each.get_text() for each in axes.texts] == ["2"]


def test_nothing_is_refused():
    with pytest.raises(UsageError, match="no cell"):
        availability({})
