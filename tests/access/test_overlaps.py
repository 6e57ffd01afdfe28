"""Files that cover the same time: one rule, and what it cannot judge is refused."""

from __future__ import annotations

from datetime import timedelta

import cftime
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.access.overlaps import resolve_overlaps
from climeri_platform.core.errors import DatasetInconsistent

KINDS = {
    "numbers": lambda steps: np.asarray(steps, "f8"),
    "datetime64": lambda steps: (
        np.datetime64("1850-01-01", "us") + np.asarray(steps) * np.timedelta64(1, "D")
    ),
    "360_day": lambda steps: np.array(
        [cftime.Datetime360Day(1850, 1, 1) + timedelta(days=int(each)) for each in steps],
        dtype=object,
    ),
}


def taken(files):
    """Which file each step is taken from, and the notes."""
    kept, notes = resolve_overlaps(files)
    return [
        (files[each.number][0], step)
        for each in kept
        for step in files[each.number][1][each.start : each.stop]
    ], notes


@pytest.mark.parametrize("kind", KINDS)
def test_the_rule(kind):
    axis = KINDS[kind]
    # 1850-1899 beside 1850-1949
    kept, (note,) = resolve_overlaps([("a", axis(range(50))), ("b", axis(range(100)))])
    assert [tuple(each) for each in kept] == [(1, 0, 100)]
    assert "a has no step that is not in b" in note
    # an identical file under two names
    kept, (note,) = resolve_overlaps([("a", axis(range(50))), ("b", axis(range(50)))])
    assert [tuple(each) for each in kept] == [(0, 0, 50)]
    assert "b has the same steps as a" in note
    # a file of a scenario that begins in the last year of the one before
    kept, (note,) = resolve_overlaps([("a", axis(range(50))), ("b", axis(range(48, 99)))])
    assert [tuple(each) for each in kept] == [(0, 0, 48), (1, 0, 51)]
    assert "taken from the later file" in note
    # files in whatever order
    kept, notes = resolve_overlaps([("b", axis(range(50, 60))), ("a", axis(range(50)))])
    assert ([tuple(each) for each in kept], notes) == ([(1, 0, 50), (0, 0, 10)], [])


@pytest.mark.parametrize("kind", ["numbers", "datetime64"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((0, 2, 4, 6), (3, 5, 7)),  # between each other's
        ((0, 1, 2, 3), (2, 4, 5)),  # one is absent
        ((0, 1, 2, 3, 4, 5), (1, 3, 5)),  # every other one
        ((0, 4, 8), (4, 5, 6)),
        ((0, 9, 4), (4, 6)),  # does not increase
    ],
)
def test_what_no_rule_can_judge_is_refused(kind, first, second):
    axis = KINDS[kind]
    with pytest.raises(DatasetInconsistent, match=r"b begins at .*, before a ends at") as told:
        resolve_overlaps([("a", axis(first)), ("b", axis(second))])
    assert told.value.hint


def test_rounding_is_no_difference_and_half_a_step_is():
    files = [("a", np.arange(10.0)), ("b", np.arange(8.0, 20.0) + 1e-6)]
    assert [tuple(each) for each in resolve_overlaps(files)[0]] == [(0, 0, 8), (1, 0, 12)]
    with pytest.raises(DatasetInconsistent):
        resolve_overlaps([("a", np.arange(10.0)), ("b", np.arange(8.0, 20.0) + 0.5)])


@given(
    pieces=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=6),
    kind=st.sampled_from(sorted(KINDS)),
)
def test_any_files_of_one_series_give_each_step_once_and_lose_none(pieces, kind):
    axis = KINDS[kind](range(80))
    files = [(f"{n}.nc", axis[a : a + size]) for n, (a, size) in enumerate(pieces)]
    steps, notes = taken(files)
    every = sorted({step for _, its in files for step in its.tolist()})
    assert [step for _, step in steps] == list(np.array(every, axis.dtype))
    assert bool(notes) == (len(every) < sum(size for _, size in pieces))


def test_joining_takes_each_step_once(write):
    files = [
        write("a.nc", (0.5, 1.5, 2.5), (1, 1, 1)),
        write("b.nc", (2.5, 3.5), (2, 2)),
        write("c.nc", (0.5, 1.5, 2.5), (9, 9, 9)),
    ]
    opened = open_datasets([DatasetFiles("k", tuple(files))], on_error="raise")
    np.testing.assert_array_equal(opened["k"]["tas"].isel(lat=0).values, [1, 1, 2, 2])
    causes = [each.cause for each in opened.report.having("noted")]
    assert len(causes) == 2
    assert all("overlap in time" in each for each in causes)
    opened["k"].close()
