"""Lists of retracted datasets: as people and programs write them, and no line unread in silence."""

from __future__ import annotations

import codecs
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.catalog.retraction import apply_retractions, read_retractions
from climeri_platform.core.errors import RootUnusable

KEY = "CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.tas.gr"


def read(content):
    if isinstance(content, str):
        content = content.encode("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "taken-back.txt"
        file.write_bytes(content)
        listed = read_retractions(str(file))
    assert listed.table.schema == {"dataset": pl.String, "version": pl.String}
    return listed.table.rows(), listed.unread


@pytest.mark.parametrize(
    ("line", "version"),
    [
        (KEY, None),
        (f"{KEY}.v20190101", "v20190101"),
        (f"{KEY}#20190101", "v20190101"),
        (f"{KEY}#v20190101", "v20190101"),
        (f"{KEY}#2019-01-01", "v20190101"),
        (f"{KEY}.v2019-01-01", "v20190101"),
        (f"{KEY}.v1", "v1"),
    ],
)
@pytest.mark.parametrize("quote", ["", '"', "'"])
@pytest.mark.parametrize("note", ["", ";wrong units", ", wrong # units", "|node", "\twrong", " #1"])
def test_what_a_line_says(line, version, quote, note):
    assert read(f"  {quote}{line}{quote}{note}\r\n") == ([(KEY, version)], [])


def test_a_byte_order_mark_belongs_to_no_key():
    assert read(codecs.BOM_UTF8 + f"{KEY}\n".encode()) == ([(KEY, None)], [])
    assert read(codecs.BOM_UTF8 + b"# nothing\n\n") == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        f"{KEY}#",
        f"{KEY}#latest",
        f"{KEY}#2019-1-1",
        f"{KEY}.v2019-01",
        f"{KEY}.v20190101x",
        f"{KEY}#20190101#2",
        ", only a note",
        '""',
    ],
)
def test_a_line_that_says_nothing_is_told(line):
    assert read(f"# list\n{KEY}\n{line}\n") == ([(KEY, None)], [f"line 3: {line}"])


def test_a_line_that_is_a_whole_file_is_told_in_short():
    _, (told,) = read("#\n" + ", " + "x" * 10_000)
    assert told.startswith("line 2: , xxx")
    assert len(told) < 250


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_every_line_is_read_or_told_or_a_remark(text):
    rows, unread = read(codecs.BOM_UTF8 + text.encode())
    line = text.strip()
    assert len(rows) + len(unread) == (bool(line) and not line.startswith("#"))


def test_lists_that_are_none(tmp_path):
    with pytest.raises(RootUnusable, match="nowhere"):
        read_retractions(str(tmp_path / "nowhere"))
    with pytest.raises(RootUnusable, match="cannot be read"):
        read("\u00e9".encode("latin-1"))


datasets = st.sampled_from(["a", "b", "c"])
versions = st.sampled_from([None, "v1", "v2", "v20190101"])
rows = st.lists(st.tuples(datasets, st.sampled_from([None, "v1", "1", "v2", "20190101", "latest"])))


@given(rows, st.lists(st.tuples(datasets, versions)), st.sampled_from([None, True, False]))
def test_what_is_listed_is_retracted_at_every_root_and_nothing_else(files, listed, before):
    kinds = {"dataset": pl.String, "version": pl.String}
    table = pl.DataFrame(files, schema=kinds, orient="row").with_row_index("path")
    table = table.with_columns(
        root=pl.when(pl.col("path") % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
        retracted=pl.lit(before, pl.Boolean),
        stale=pl.lit("2025-12-24"),
    )
    # lists of several sources, one below the other, may name the same twice
    marked = apply_retractions(table, pl.DataFrame(listed, schema=kinds, orient="row"))
    expected = [
        (dataset, None) in listed
        or (version is not None and (dataset, "v" + version.removeprefix("v")) in listed)
        for dataset, version in files
    ]
    assert marked["retracted"].to_list() == expected
    assert marked.columns == table.columns
    assert marked.drop("retracted").equals(table.drop("retracted"))
