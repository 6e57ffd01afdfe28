"""The report: a table, a page that a trainer can read, and few lines on a terminal."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from climeri_platform.access import Entry, OpenReport
from climeri_platform.access.report import STATUSES
from climeri_platform.core.errors import UsageError

EVIL = "<script>alert('x')</script> & \"more\""


def of_forty():
    report = OpenReport()
    for n in range(40):
        key = f"CMIP.X.MODEL-{n}.historical.tas"
        if n % 8 == 3:
            said = {"cause": EVIL, "remedy": "Copy it again."}
            report.add(key, "skipped", path=f"/a/<b>{n}.nc", **said)
        if n % 8 == 5:
            report.add(key, "noted", cause="a hole in time between 1859 and 1880")
            report.add(key, "repaired", cause="tas: degC to K, + 273.15")
            report.add(key, "renamed", cause="nav_lat is called lat")
            report.add(key, "renamed", cause="nav_lon is called lon")
        if n != 3:
            report.add(key, "opened")
    report.add("tape", "offline", files=12, size=34_000_000_000, cause="on tape", remedy="stage()")
    return report


class Page(HTMLParser):
    """What a browser would see: text, open elements, and those that are not closed."""

    VOID = frozenset({"meta"})

    def __init__(self, text):
        super().__init__()
        self.stack, self.text, self.tags, self.shown = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "details":
            self.shown.append("open" in dict(attrs))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_table_has_a_row_for_each_line():
    report = of_forty()
    table = report.table
    assert table.columns == ["dataset", "status", "path", "cause", "remedy", "files", "size"]
    assert table.height == len(report)
    counts = dict(table["status"].cast(pl.String).value_counts().iter_rows())
    assert counts == {
        "opened": 39,
        "skipped": 5,
        "noted": 5,
        "repaired": 5,
        "renamed": 10,
        "offline": 1,
    }
    (bad,) = table.filter(pl.col("path") == "/a/<b>3.nc").iter_rows(named=True)
    assert (bad["cause"], bad["remedy"]) == (EVIL, "Copy it again.")
    assert OpenReport().table.height == 0
    assert OpenReport().table.schema == table.schema


def test_an_unknown_status_is_no_row():
    with pytest.raises(pl.exceptions.InvalidOperationError):
        _ = OpenReport([Entry("k", "lost")]).table


def test_the_sentence_counts_what_there_is():
    assert of_forty().summary() == (
        "39 datasets opened, 5 repairs, 10 names changed, 5 notes, 12 files offline (34.0 GB), 5 skipped"
    )
    assert OpenReport().summary() == "0 datasets opened, 0 notes, 0 skipped"


def test_the_page_is_whole_escaped_and_has_the_gravest_first(tmp_path):
    there = of_forty().to_html(tmp_path / "report.html")
    assert there == tmp_path / "report.html"
    text = there.read_text(encoding="utf-8")
    page = Page(text)
    assert page.stack == []
    assert "script" not in page.tags
    seen = "".join(page.text)
    assert EVIL in seen
    assert "/a/<b>3.nc" in seen
    for status in STATUSES:
        assert status in seen
    assert seen.index("MODEL-11") < seen.index("MODEL-13") < seen.index("MODEL-0.")
    assert "MODEL-3.historical.tas (not in the result)" in seen
    assert "30 datasets opened, and nothing to be told" in seen
    assert page.shown.count(True) == 5
    assert len(page.shown) == 12
    assert "http" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_view_in_a_notebook_is_the_same():
    report = of_forty()
    assert Page(report._repr_html_()).stack == []
    assert report._repr_html_() in Path(report.to_html("report.html")).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    there = of_forty().to_html(tmp_path / "report.html")
    before = there.read_bytes()

    def full(self, other):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        OpenReport().to_html(there)
    assert there.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(UsageError, match="No such file") as told:
        OpenReport().to_html(tmp_path / "gone" / "report.html")
    assert told.value.hint


def test_a_long_report_is_short_on_a_terminal_and_begins_with_what_is_lost():
    report = of_forty()
    for n in range(100):
        report.add(f"k{n}", "noted", cause="something", remedy="look")
    lines = str(report).splitlines()
    assert len(lines) < 45
    assert lines[1].startswith("  skipped: /a/<b>3.nc: ")
    assert lines[-1] == "  … and 101 more lines, in `report.table`"
    assert str(report).count("Copy it again.") == 1


def test_what_was_renamed_in_a_dataset_is_one_line():
    text = str(of_forty())
    assert (
        "  renamed: CMIP.X.MODEL-5.historical.tas: nav_lat is called lat; nav_lon is called lon"
        in text
    )
    assert text.index("a hole in time") < text.index("renamed")
    report = OpenReport()
    report.add("one", "opened")
    report.add("one", "renamed", cause="nav_lat is called lat")
    assert report.summary() == "1 dataset opened, 1 name changed, 0 notes, 0 skipped"
