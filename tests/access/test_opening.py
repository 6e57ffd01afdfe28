"""Opening many: lazily, one bad file costs that file, and the report tells all of it."""

from __future__ import annotations

import json
from pathlib import Path

import dask
import numpy as np
import pytest

from climeri_platform.access import (
    DatasetFiles,
    Entry,
    IncompleteDataWarning,
    OpenReport,
    open_datasets,
    opening,
)
from climeri_platform.access.files import read_file
from climeri_platform.core.errors import (
    DataError,
    DatasetInconsistent,
    FileUnreadable,
    MissingExtra,
    UnknownKey,
    UsageError,
)

LATER = (3.5, 4.5, 5.5)


def never(*_, **__):
    raise AssertionError("something was computed while files were opened")


def test_nothing_is_computed(write):
    def bounds(file):
        file.createDimension("bnds", 2)
        file["time"].bounds = "time_bnds"
        times = file["time"][:]
        file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = np.stack(
            [times, times + 1], 1
        )

    paths = [
        write(f"{form}{n}.nc", times, form=form, calendar="360_day", more=bounds)
        for form in ("NETCDF4", "NETCDF3_CLASSIC")
        for n, times in enumerate([(0.5, 1.5, 2.5), LATER])
    ]
    with dask.config.set(scheduler=never):
        opened = open_datasets(
            [DatasetFiles("new", tuple(paths[:2])), DatasetFiles("old", tuple(paths[2:]))]
        )
        repr(opened), opened._repr_html_(), str(opened.report)
        with pytest.raises(AssertionError, match="while files were opened"):
            opened["new"]["tas"].load()
    assert all(opened[key]["tas"].chunks for key in opened)
    np.testing.assert_allclose(opened["old"]["tas"].values, opened["new"]["tas"].values)


BAD = {
    "zero bytes": lambda path: path.write_bytes(b""),
    "web page": lambda path: path.write_bytes(b"<html>"),
    "Truncated": lambda path: path.write_bytes(path.read_bytes()[:3000]),
    "rebuild the catalog": Path.unlink,
}


@pytest.mark.parametrize("said", BAD)
def test_one_bad_file_costs_that_file(write, said):
    paths = [write(f"{n}.nc", (n, n + 0.5)) for n in range(4)]
    BAD[said](Path(paths[2]))
    wanted = [DatasetFiles("k", tuple(paths)), DatasetFiles("other", (write("other.nc"),))]
    with pytest.warns(IncompleteDataWarning) as warned:
        opened = open_datasets(wanted)
    assert list(opened) == ["k", "other"]
    assert opened["k"].sizes["time"] == 6
    (line,) = opened.report.having("skipped")
    assert line.path == paths[2]
    assert said in f"{line.cause} {line.remedy}"
    assert line.remedy
    assert paths[2] in str(warned[0].message)
    assert any("hole" in each.cause for each in opened.report.having("noted"))
    with pytest.raises(FileUnreadable, match=Path(paths[2]).name):
        open_datasets(wanted, on_error="raise")


def test_one_bad_dataset_costs_that_dataset(write):
    overlap = DatasetFiles("bad", (write("a.nc"), write("b.nc", (2.0, 3.5))))
    good = DatasetFiles("good", (write("c.nc"),))
    with pytest.warns(IncompleteDataWarning, match="before"):
        opened = open_datasets([overlap, good])
    assert list(opened) == ["good"]
    assert opened.report.summary() == "1 dataset opened, 0 notes, 1 skipped"
    with pytest.raises(DatasetInconsistent):
        open_datasets([overlap, good], on_error="raise")


def test_nothing_at_all_is_an_error(tmp_path):
    gone = DatasetFiles("k", (str(tmp_path / "gone.nc"),))
    with pytest.raises(
        DataError, match=r"the dataset could not be opened: .*gone\.nc: No such file"
    ):
        open_datasets([gone])
    with pytest.raises(DataError, match="it has no files"):
        open_datasets([DatasetFiles("k", ())])
    assert len(open_datasets([])) == 0


def test_other_words_for_errors_are_refused(write):
    with pytest.raises(UsageError, match="on_error='ignore'"):
        open_datasets([DatasetFiles("k", (write("a.nc"),))], on_error="ignore")


def test_progress_counts_files(write):
    seen = []
    wanted = [DatasetFiles(str(n), (write(f"{n}.nc"),)) for n in range(3)]
    open_datasets(wanted, progress=seen.append)
    assert seen[-1] == 3
    assert seen == sorted(seen)
    assert set(seen) == {1, 2, 3}


def test_what_the_catalog_knows_goes_with_the_data(write):
    wanted = DatasetFiles(
        "k", (write("a.nc"),), attributes={"snapshot": "20260101T000000Z"}, notes=("a note",)
    )
    opened = open_datasets([wanted])
    assert opened["k"].attrs["climeri_snapshot"] == "20260101T000000Z"
    assert [each.cause for each in opened.report.having("noted")] == ["a note"]


def test_opened_is_a_mapping(write):
    opened = open_datasets([DatasetFiles("CMIP.x", (write("a.nc"),))])
    assert dict(opened) == {"CMIP.x": opened["CMIP.x"]}
    assert "CMIP.x" in opened
    assert "CMIP.x  (time: 3, lat: 2)" in repr(opened)
    with pytest.raises(KeyError):
        opened["other"]


def test_reports_escape_what_files_say():
    report = OpenReport([Entry("k", "skipped", "/<b>.nc", "<script>alert(1)</script>", "a & b")])
    html = report._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "a &amp; b" in html
    assert "/<b>.nc: <script>" in str(report)
    assert json.loads(json.dumps(report.to_dicts()))[0]["status"] == "skipped"
    assert len(report) == len(list(report)) == 1
    assert OpenReport()._repr_html_() == "<p>0 datasets opened, 0 notes, 0 skipped</p>"


@pytest.mark.parametrize("switch", ["pad", "merge", "allow_gaps", "harmonise"])
def test_a_word_is_no_switch(write, switch):
    """Taken for what Python takes it, "no" would be yes."""
    with pytest.raises(UsageError, match=f"{switch}='no': it is True or False"):
        open_datasets([DatasetFiles("k", (write("a.nc"),))], **{switch: "no"})


def test_a_key_that_nothing_was_opened_under(write):
    opened = open_datasets([DatasetFiles("CMIP6.tas", (write("a.nc"),))])
    with pytest.raises(UnknownKey, match=r"'CMIP6\.tos' is none of the 1 keys") as told:
        opened["CMIP6.tos"]
    assert "'CMIP6.tas'" in told.value.hint
    assert "CMIP6.tos" not in opened
    assert opened.get("CMIP6.tos") is None
    assert isinstance(told.value, KeyError)


def test_a_place_whose_packages_are_missing_costs_its_dataset(write, monkeypatch):
    def missing(place, span=None):
        if place.startswith("s3://"):
            raise MissingExtra("s3:// needs s3fs", hint="pip install 'climeri-platform[remote]'")
        return read_file(place, span)

    monkeypatch.setattr(opening, "read_file", missing)
    wanted = [DatasetFiles("here", (write("a.nc"),)), DatasetFiles("there", ("s3://b/a.nc",))]
    with pytest.warns(IncompleteDataWarning, match="1 skipped"):
        opened = open_datasets(wanted)
    assert list(opened) == ["here"]
    with pytest.raises(MissingExtra):
        open_datasets(wanted, on_error="raise")
