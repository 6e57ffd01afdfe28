"""Every real file opens, or the report says truly why not, and nothing is computed for it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import dask
import netCDF4
import pytest

from climeri_platform.access import DatasetFiles, IncompleteDataWarning, open_datasets
from climeri_platform.access.harmonise import harmonise
from climeri_platform.access.native import to_cmip

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_data

MAGIC = b"CDF", b"\x89HDF\r\n\x1a\n"
# as they lie in ../shared/data: other counts are other files, or a file that opens no longer
COUNTS = {"opened": 513, "zero bytes": 32, "text instead of data": 52}
SAID = {"zero bytes": "zero bytes", "text instead of data": "not a NetCDF file, it begins with"}


def never(*_, **__):
    raise AssertionError("something was computed while files were opened")


def first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


@pytest.fixture(scope="module")
def walked(real_data: Path) -> list[Path]:
    """All that are called NetCDF, and all that are it under another name."""
    files = sorted(each for each in real_data.rglob("*") if each.is_file())
    return [
        each
        for each in files
        if each.suffix in (".nc", ".nc4") or first_bytes(each).startswith(MAGIC)
    ]


def true_reason(path: Path) -> str:
    """What becomes of a file, found without the package."""
    try:
        netCDF4.Dataset(path).close()
    except OSError:
        first = first_bytes(path)
        if not first:
            return "zero bytes"
        return "text instead of data" if first.isascii() else "damaged"
    return "opened"


@pytest.fixture(scope="module")
def reasons(walked: list[Path]) -> dict[str, str]:
    """What becomes of each."""
    return {str(path): true_reason(path) for path in walked}


def opened_without_computing(paths, **options):
    wanted = [DatasetFiles(path, (path,)) for path in paths]
    lacking = f"{len(paths) - COUNTS['opened']} skipped"
    with dask.config.set(scheduler=never):
        with pytest.warns(IncompleteDataWarning, match=lacking):
            opened = open_datasets(wanted, **options)
        repr(opened), str(opened.report)
    return opened


def check(opened, reasons):
    skipped = {each.path: each for each in opened.report.having("skipped")}
    assert {path for path, reason in reasons.items() if reason == "opened"} == {*opened}
    assert {path for path, reason in reasons.items() if reason != "opened"} == {*skipped}
    for path, line in skipped.items():
        assert line.cause.startswith(SAID[reasons[path]]), path
        assert line.dataset == path
        assert line.remedy


def test_the_counts(reasons):
    assert Counter(reasons.values()) == COUNTS


def test_each_opens_harmonised_or_is_told_and_twice_is_once(reasons):
    opened = opened_without_computing(reasons)
    check(opened, reasons)
    changed = [*opened.report.having("repaired"), *opened.report.having("renamed")]
    assert len({each.dataset for each in changed}) > 100
    # none of them contradicts CMIP6 in the direction of a flux: a note of it would be false
    assert not [each for each in opened.report if "and CMIP6 " in each.cause]
    with dask.config.set(scheduler=never):
        for path, dataset in opened.items():
            native, first = to_cmip(dataset, {})
            again, second = harmonise(native, {})
            assert [each for each in (*first, *second) if each.changes_anything] == [], path
            assert again.identical(dataset), path


def test_each_opens_as_it_is_or_is_told(reasons):
    """Under the names, and of the shapes, that the library gives."""
    opened = opened_without_computing(reasons, harmonise=False)
    check(opened, reasons)
    # nothing is renamed or converted; what could not be a date is told in both ways
    told = [each.cause for each in opened.report.having("repaired")]
    assert sum("holds no dates" in each for each in told) == 4
    assert sum("is counted in months" in each for each in told) == 2
    assert len(told) == 6
    count = 0
    for path, dataset in opened.items():
        with netCDF4.Dataset(path) as file:
            assert {*dataset.variables} == {*file.variables}, path
            for name, variable in file.variables.items():
                # characters of a text are one value here
                shape = variable.shape[:-1] if variable.dtype == "S1" else variable.shape
                assert dataset[name].shape == shape, (path, name)
                count += 1
    assert count > 3000


def test_references_open_without_a_word_to_their_server(real_data):
    """Their data lie in a bucket that nobody here can reach, one coordinate of millions included."""
    (path,) = real_data.rglob("noaa-nwm-test-reference.json")
    with dask.config.set(scheduler=never):
        opened = open_datasets([DatasetFiles("nwm", (str(path),))])
    dataset = opened["nwm"]
    assert opened.report.having("skipped") == []
    assert dataset.sizes == {"time": 10, "feature_id": 2729077, "reference_time": 1}
    assert str(dataset["time"].values[0]) == "2017-04-01T00:00:00.000000"
    assert dataset["feature_id"].chunks
