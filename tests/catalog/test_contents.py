"""What streams hold: one file of each is read, and searches for a variable find them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import netCDF4
import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.catalog import (
    CatalogView,
    build_catalog,
    contents,
    load_family,
    open_snapshot,
)
from climeri_platform.catalog.contents_reading import contents_to_read
from climeri_platform.catalog.facets import FACETS_TABLE
from climeri_platform.catalog.forget import forget_root
from climeri_platform.catalog.heading import files_to_read, read_some, with_headers
from climeri_platform.catalog.publish import current_or_none
from climeri_platform.catalog.refresh import refresh
from climeri_platform.catalog.renewal import renew
from climeri_platform.catalog.scan import compare_root
from climeri_platform.catalog.union import Located, narrow_all
from climeri_platform.catalog.variable_lists import (
    CONTENTS_FILE,
    contents_text,
    list_of,
    read_lists,
)
from climeri_platform.core.errors import (
    StoreDamaged,
    UnknownFamily,
    UnknownValue,
    UsageError,
)

if TYPE_CHECKING:
    from pathlib import Path

RUN = "IGCM_OUT/LMDZ/PROD/amip/run1"
STREAMS = {
    "ATM/Output/MO/run1_{span}_1M_histmth.nc": ("t2m", "SWdnTOA", "t2m_min"),
    "ATM/Output/DA/run1_{span}_1D_histday.nc": ("t2m", "t2m_min"),
    "OCE/Output/MO/run1_{span}_1M_grid_T.nc": ("tos", "t2m"),
}
SERIES = "ATM/Analyse/TS_MO/run1_19800101_19811231_1M_t2m.nc"
YEARS = ("19800101_19801231", "19810101_19811231")
RULES = load_family("libIGCM")


def stream(path: Path, names: tuple[str, ...]) -> None:
    """A file of several variables, with what XIOS writes beside them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time_counter", None)
        file.createDimension("axis_nbounds", 2)
        file.createDimension("cell", 3)
        axis = file.createVariable("time_counter", "f8", ("time_counter",))
        axis.setncatts({"units": "days since 1980-01-01", "bounds": "time_counter_bounds"})
        axis[:] = [15.5]
        bounds = file.createVariable("time_counter_bounds", "f8", ("time_counter", "axis_nbounds"))
        bounds[:] = [[0, 31]]
        file.createVariable("nav_lat", "f4", ("cell",))
        for name in names:
            field = file.createVariable(name, "f4", ("time_counter", "cell"))
            field.coordinates = "nav_lat"


def run_below(top: Path) -> Path:
    """A run: three streams of two files, and a series; return its root."""
    for pattern, names in STREAMS.items():
        for span in YEARS:
            stream(top / RUN / pattern.format(span=span), names)
    stream(top / RUN / SERIES, ("t2m",))
    return top / "IGCM_OUT"


@pytest.fixture
def root(tmp_path):
    return run_below(tmp_path)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The catalog of such a run, only to be asked."""
    top = tmp_path_factory.mktemp("searched")
    build_catalog("libIGCM", run_below(top), store=top / "store", contents=True)
    return CatalogView.open("libIGCM", top / "store")


@pytest.fixture
def view(root, store):
    build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    return CatalogView.open("libIGCM", store)


def ends(view):
    """The last words of the keys, which tell the datasets of one run apart."""
    return sorted(key.rsplit(".", 1)[1] for key in view.keys)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"variable": "tas"}, ["histday", "histmth", "t2m"]),
        ({"native_variable": "t2m"}, ["grid_T", "histday", "histmth", "t2m"]),
        ({"variable": "rsdt"}, ["histmth"]),
        ({"variable": "rs*"}, ["histmth"]),
        ({"variable": re.compile("^to")}, ["grid_T"]),
        ({"variable": ["rsdt", "tos"]}, ["grid_T", "histmth"]),
        ({"variable": "tas", "frequency": "day"}, ["histday"]),
        # of a month it is no mean of daily minima
        ({"variable": "tasmin"}, ["histday"]),
        ({"variable": "t2m_min"}, ["histmth"]),
        # a component has a table of its own
        ({"variable": "t2m"}, ["grid_T"]),
        ({"variable": "tas", "native_variable": "t2m_min"}, []),
        ({"variable": "tas", "covers": "1980/1981", "frequency": "mon"}, ["histmth", "t2m"]),
    ],
)
def test_streams_are_found_by_what_they_hold(searched, asked, found):
    assert ends(searched.search(**asked)) == found


def test_all_files_of_a_stream_belong_to_it(searched):
    paths = searched.search(variable="rsdt").files("path")["path"].to_list()
    assert [each.rsplit("run1_", 1)[1] for each in paths] == [
        f"{span}_1M_histmth.nc" for span in YEARS
    ]


def test_values_and_counts_are_of_streams_too(searched):
    counts = {"rsdt": 1, "t2m": 1, "t2m_min": 1, "tas": 3, "tasmin": 1, "tos": 1}
    assert searched.facets()["variable"] == searched.facets("variable")["variable"] == counts
    table = pl.read_parquet(searched.snapshot.folder / "libIGCM" / FACETS_TABLE)
    assert dict(table.filter(pl.col("facet") == "variable").rows_by_key("value", named=False))
    assert searched.values("variable") == sorted(counts)
    monthly = searched.search(frequency="mon")
    assert monthly.facets("variable", "stream") == {
        "variable": {"rsdt": 1, "t2m": 1, "t2m_min": 1, "tas": 2, "tos": 1},
        "stream": {"grid_T": 1, "histmth": 1},
    }
    # of what was asked for, as it is opened
    narrow = searched.search(variable=["tas", "rsdt"], frequency="mon")
    assert narrow.facets("variable", "native_variable") == {
        "variable": {"rsdt": 1, "tas": 2},
        "native_variable": {"SWdnTOA": 1, "t2m": 2},
    }
    assert narrow.values("variable") == ["rsdt", "tas"]
    told = {row["stream"]: row["variables"] for row in narrow.describe()}
    assert told == {"histmth": ["rsdt", "tas"], None: None}


def test_groups_count_a_stream_for_each_variable(searched):
    both = {"variable": ["tas", "rsdt"]}
    assert len(searched.search(**both, require_all_on="stream")) == 1
    # what each of them holds counts for the run
    assert len(searched.search(**both, require_all_on="simulation")) == 3
    nothing = searched.search(variable=["tos", "rsdt"], require_all_on="realm")
    assert "all of it on realm" in nothing.why_empty()


def test_without_a_look_into_files_that_is_said(root, store):
    report = build_catalog("libIGCM", root, store=store)
    assert (report.opened, report.unread) == (0, 3)
    view = CatalogView.open("libIGCM", store)
    with pytest.raises(UnknownValue, match=r"but 3 streams of it hold variables that nobody"):
        view.search(variable="rsdt")
    daily = view.search(frequency="day").search(variable="tas")
    assert daily.unread == 1
    assert "but 1 stream of it holds variables" in daily.why_empty()
    assert "3 streams" in view.search(variable="tas").said_of_unread()
    (none,) = narrow_all([Located("store", view)], {"variable": "tas", "frequency": "mon"})
    assert "2 streams" in none.unread
    report = build_catalog("libIGCM", root, store=store, contents=True)
    assert (report.opened, report.unread) == (3, 0)
    assert CatalogView.open("libIGCM", store).search(variable="rsdt").said_of_unread() == ""


def test_one_catalog_of_several_says_it_beside_its_reason(view, root, tmp_path):
    build_catalog("libIGCM", root, store=tmp_path / "other")
    unread = CatalogView.open("libIGCM", tmp_path / "other")
    both = [Located("one", view), Located("two", unread)]
    one, two = narrow_all(both, {"variable": "rsdt"})
    assert (len(one.view), one.unread, len(two.view)) == (1, "", 0)
    assert two.emptied == f"it has no variable=rsdt; {two.unread}"
    assert "3 streams" in two.unread
    with pytest.raises(UnknownValue, match="but 3 streams of it"):
        narrow_all([Located("two", unread)], {"variable": "rsdt"})


@pytest.fixture
def night(root, store, tmp_path):
    """A night whose source wants the contents of streams, and the files that it opens."""
    source = {"root": "r", "path": str(root), "family": "libIGCM", "headers": "contents"}
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/r.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    words = ["catalog", "refresh", "--store", str(store), "--sources", str(tmp_path / "sources")]
    program = [sys.executable, "-c", "from climeri_platform.cli import main; main()", *words]

    def opened():
        log = tmp_path / "trace"
        trace = ["strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", str(log)]
        subprocess.run([*trace, *program], check=True, capture_output=True)
        found = set(re.findall(r'open\w*\([^"]*"([^"]+\.nc)"', log.read_text()))
        return sorted(each.rsplit("run1_", 1)[1] for each in found)

    return opened


@pytest.mark.usefixtures("strace")
def test_a_night_opens_the_newest_file_of_each_stream_once(night, root, store):
    newest = ["19810101_19811231_1D_histday.nc", "19810101_19811231_1M_grid_T.nc"]
    newest.append("19810101_19811231_1M_histmth.nc")
    assert night() == newest
    assert night() == []
    later = root.parent / RUN / "ATM/Output/MO/run1_19820101_19821231_1M_histmth.nc"
    stream(later, ("t2m", "topl"))
    assert night() == [later.name.removeprefix("run1_")]
    view = CatalogView.open("libIGCM", store)
    assert ends(view.search(variable="rlut")) == ["histmth"]
    with pytest.raises(UnknownValue, match="'rsdt'"):  # the newest file goes
        view.search(variable="rsdt")
    os.utime(later, ns=(0, 0))
    assert night() == [later.name.removeprefix("run1_")]


def test_all_headers_say_it_too_and_a_quiet_night_has_no_problem(root, store, tmp_path):
    source = {"root": "r", "path": str(root), "family": "libIGCM", "headers": True}
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/s.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    for wanted in (7, 0):
        (told,) = refresh("local", store=store, sources=tmp_path / "sources").roots
        assert (told.headers, told.headers_problem or "") == (wanted, "")
    view = CatalogView.open("libIGCM", store)
    assert ends(view.search(variable="tas")) == ["histday", "histmth", "t2m"]
    files = view.files("stream", "contents", "header_read")
    assert files["header_read"].null_count() == 0
    assert files.filter(pl.col("contents").is_null())["stream"].to_list() == [None]


def renewal_of(root, store=None, **columns):
    previous = current_or_none(store) if store is not None else None
    found = renew(previous, RULES, "r", str(root), compare_root(RULES, root, "r"))
    return replace(found, fresh=found.fresh.with_columns(**columns))


def names_of(files):
    return sorted(each.rsplit("run1_", 1)[1] for each in files["path"])


def test_nothing_on_tape_is_opened(root):
    newer = pl.col("path").str.contains("19810101_19811231_1M_histmth")
    daily = pl.col("path").str.contains("histday")
    on_tape = renewal_of(root, online=~(newer | daily))
    assert names_of(contents_to_read(on_tape)) == [
        "19800101_19801231_1M_histmth.nc",
        "19810101_19811231_1M_grid_T.nc",
    ]


def test_a_root_that_cannot_be_seen_keeps_what_it_held(root, store, tmp_path):
    source = {"root": "r", "path": str(root), "family": "libIGCM", "headers": "contents"}
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/s.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    for seen in (True, False):
        (told,) = refresh("local", store=store, sources=tmp_path / "sources").roots
        assert (told.state == "carried forward") != seen
        view = CatalogView.open("libIGCM", store)
        assert ends(view.search(variable="rsdt")) == ["histmth"]
        assert view.unread == 0
        if seen:
            root.rename(tmp_path / "gone")


def on_tape(path):
    """What a file looks like that is on tape only: a size, and no blocks."""
    path.write_bytes(b"")
    os.truncate(path, 10**6)


def test_a_root_with_tape_behind_it_is_read_where_it_is_on_disk(root, store, tmp_path):
    source = {"root": "r", "path": str(root), "family": "libIGCM", "headers": "contents"}
    (tmp_path / "sources").mkdir()
    text = yaml.safe_dump({"sources": [{**source, "tape": True}]})
    (tmp_path / "sources/s.yaml").write_text(text)
    for name in ("MO/run1_19810101_19811231_1M_histmth", "DA/run1_19800101_19801231_1D_histday"):
        on_tape(root.parent / RUN / f"ATM/Output/{name}.nc")
    on_tape(root.parent / RUN / "ATM/Output/DA/run1_19810101_19811231_1D_histday.nc")
    (told,) = refresh("local", store=store, sources=tmp_path / "sources").roots
    assert (told.headers, told.headers_failed_count) == (2, 0)
    view = CatalogView.open("libIGCM", store)
    assert ends(view.search(variable="rsdt")) == ["histmth"]
    read = view.files("path", "online", "header_read").drop_nulls("header_read")
    assert read["online"].all()
    assert view.search(variable="tas").unread == 1


def test_a_file_that_went_to_tape_since_is_not_opened(root, tmp_path):
    now = renewal_of(root)
    on_tape(root.parent / RUN / "OCE/Output/MO/run1_19810101_19811231_1M_grid_T.nc")
    wanted = contents_to_read(now)
    said = read_some(wanted, now, tmp_path / "journal", on_disk=True)
    assert names_of(said) == [
        "19810101_19811231_1D_histday.nc",
        "19810101_19811231_1M_histmth.nc",
    ]
    (root.parent / RUN / "OCE/Output/MO/run1_19810101_19811231_1M_grid_T.nc").unlink()
    gone = read_some(wanted, now, tmp_path / "other", on_disk=True)
    assert gone["header_problem"].drop_nulls().to_list() == ["No such file or directory"]


def test_to_choose_what_is_read_touches_no_file(root, monkeypatch):
    # a mount that hangs would hang the night: only workers, which can be killed, ask it
    now = renewal_of(root)
    for name in ("stat", "lstat", "open"):
        monkeypatch.setattr(os, name, lambda *_, **__: pytest.fail("a file was touched"))
    wanted = contents_to_read(now)
    monkeypatch.undo()
    assert wanted.height == 3


def test_of_a_broken_file_the_one_before_is_read(root, store, tmp_path):
    broken = root.parent / RUN / "ATM/Output/MO/run1_19810101_19811231_1M_histmth.nc"
    broken.write_bytes(b"no header")
    report = build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    assert (report.opened, report.unread) == (3, 1)
    report = build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    assert (report.opened, report.unread) == (1, 0)
    assert ends(CatalogView.open("libIGCM", store).search(variable="rsdt")) == ["histmth"]
    now = renewal_of(root, store)
    assert contents_to_read(now).height == 0
    # where none can be read, none is tried for ever
    every = renewal_of(root, store, header_problem=pl.lit("no"), contents=pl.lit(None, pl.String))
    every = replace(every, fresh=every.fresh.with_columns(header_read=pl.lit("2026-01-01")))
    assert contents_to_read(every).height == 0


def test_a_time_axis_that_cannot_be_read_opens_no_older_file(root, store):
    for span in YEARS:
        path = root.parent / RUN / f"ATM/Output/MO/run1_{span}_1M_histmth.nc"
        with netCDF4.Dataset(path, "a") as file:
            file["time_counter"].units = "fortnights since the flood"
    report = build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    assert (report.opened, report.unread) == (3, 0)
    report = build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    assert (report.opened, report.unread) == (0, 0)


def test_a_killed_night_does_not_open_a_file_twice(root, tmp_path):
    now = renewal_of(root)
    wanted = contents_to_read(now)
    first = read_some(wanted, now, tmp_path / "journal")
    for each in root.rglob("*.nc"):
        each.unlink()
    again = read_some(wanted, now, tmp_path / "journal")
    assert again.sort("path").equals(first.sort("path"))
    told = with_headers(now, again)
    held = {name for each in told.contents.values() for name in each.variables}
    assert held == {"SWdnTOA", "t2m", "t2m_min", "tos"}
    assert contents_to_read(told).height == 0


def test_what_an_older_release_read_is_read_once_more(root, store, tmp_path):
    build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    now = renewal_of(root, store)
    read = with_headers(now, read_some(now.fresh, now, tmp_path / "journal"))
    assert files_to_read(read, nights=30).height == 0
    older = replace(
        read, fresh=read.fresh.with_columns(contents=pl.lit(None, pl.String)), contents={}
    )
    assert names_of(files_to_read(older, nights=30)) == names_of(
        read.fresh.filter(pl.col("native_variable").is_null())
    )


def older_store(store):
    """Take from a store what this release was the first to write."""
    folder = open_snapshot(store).folder / "libIGCM"
    for table in ("files", "datasets"):
        frame = pl.read_parquet(folder / f"{table}.parquet").drop("contents")
        frame.write_parquet(folder / f"{table}.parquet")
    rules = json.loads((folder / "family.json").read_text())
    del rules["contents"]
    (folder / "family.json").write_text(json.dumps(rules))
    (folder / CONTENTS_FILE).unlink()


def test_a_store_of_an_older_release_opens_and_goes_on(root, store):
    build_catalog("libIGCM", root, store=store, root_id="r")
    older_store(store)
    view = CatalogView.open("libIGCM", store)
    assert ends(view.search(variable="tas")) == ["t2m"]
    assert view.said_of_unread() == ""
    assert view.facets("variable") == {"variable": {"tas": 1}}
    with pytest.raises(UnknownValue):
        view.search(variable="rsdt")
    build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    assert ends(CatalogView.open("libIGCM", store).search(variable="rsdt")) == ["histmth"]


def test_damaged_lists_are_told_and_mended(view, root, store, monkeypatch):
    monkeypatch.setattr(contents, "_KNOWN", {})  # as another process finds it
    (view.snapshot.folder / "libIGCM" / CONTENTS_FILE).write_text("[")
    with pytest.raises(StoreDamaged, match="contents of streams") as told:
        CatalogView.open("libIGCM", store).search(variable="rsdt")
    assert "--contents" in told.value.hint
    assert len(CatalogView.open("libIGCM", store).search(frequency="mon")) == 3
    report = build_catalog("libIGCM", root, store=store, root_id="r", contents=True)
    assert (report.opened, report.unread) == (3, 0)
    assert ends(CatalogView.open("libIGCM", store).search(variable="rsdt")) == ["histmth"]


def test_damaged_lists_are_those_of_the_snapshots_before(view, root, store):
    """A build that reads no contents keeps what all roots of the family know."""
    before = view.search(variable="rsdt").files("path", "contents")
    build_catalog("libIGCM", root, store=store, root_id="r", accept_loss=True)
    newest = CatalogView.open("libIGCM", store).snapshot
    assert newest.folder != view.snapshot.folder
    (newest.folder / "libIGCM" / CONTENTS_FILE).write_text("[")
    build_catalog("libIGCM", root, store=store, root_id="r")
    now = CatalogView.open("libIGCM", store)
    assert now.search(variable="rsdt").files("path", "contents").equals(before)
    assert now.search(variable="rsdt").unread == 0


def test_a_store_that_was_made_anew_under_one_name_has_its_own_lists(view, store, monkeypatch):
    monkeypatch.setattr(contents, "_KEPT", 2)
    folder = view.snapshot.folder
    assert view.search(variable="rsdt").unread == 0
    (folder / "libIGCM" / CONTENTS_FILE).write_text("{}")
    os.utime(folder, ns=(1, 1))
    assert CatalogView.open("libIGCM", store).search(frequency="mon", stream="histmth").unread == 1
    assert len(contents._KNOWN) <= 2


def test_what_was_read_stays_without_another_look(view, root, store, tmp_path):
    before = view.search(variable="rsdt").files("path", "contents")
    shutil.copytree(root.parent / RUN, tmp_path / "more/LMDZ/PROD/amip/run1")
    build_catalog("libIGCM", tmp_path / "more", store=store, root_id="more")
    build_catalog("libIGCM", root, store=store, root_id="r")
    now = CatalogView.open("libIGCM", store)
    assert now.search(variable="rsdt").files("path", "contents").equals(before)
    assert now.search(variable="rsdt").unread == 3  # of the other root
    forget_root("more", store=store)
    now = CatalogView.open("libIGCM", store)
    assert now.search(variable="rsdt").files("path", "contents").equals(before)
    assert now.search(variable="rsdt").unread == 0


def test_lists_that_no_row_has_any_more_are_left_out(view, root, store):
    def lists():
        return json.loads((open_snapshot(store).folder / "libIGCM" / CONTENTS_FILE).read_text())

    assert len(lists()) == 3
    shutil.rmtree(root.parent / RUN / "OCE")
    for _ in range(2):  # the rows that went are in the last table still
        build_catalog("libIGCM", root, store=store, root_id="r", accept_loss=True)
    held = {name for each in lists().values() for name in each["variables"]}
    assert held == {"SWdnTOA", "t2m", "t2m_min"}
    assert ends(CatalogView.open("libIGCM", store).search(variable="rsdt")) == ["histmth"]


def test_a_list_of_files_is_no_reason_to_open_one(root, store, tmp_path):
    (tmp_path / "list").write_text("x")
    with pytest.raises(UsageError, match="one file each is opened"):
        build_catalog("libIGCM", root, store=store, inventory=tmp_path / "list", contents=True)


def test_other_families_are_as_they_were(plant, tas, store):
    build_catalog("CMIP6", plant([tas()]), store=store, contents=True)
    view = CatalogView.open("CMIP6", store)
    assert view.contents is None
    assert "contents" not in view.datasets.columns
    assert not (view.snapshot.folder / "CMIP6" / CONTENTS_FILE).exists()
    assert "variables" not in view.describe()[0]


def test_a_family_of_ones_own_may_hold_many(tmp_path, store):
    rules = {
        "family": "Mine",
        "title": "mine",
        "variable": "name",
        "contents": True,
        "directories": ["<run>"],
        "files": ["<run>_<piece>.nc", "<run>_one_<name>.nc"],
        "dataset": ["run", "piece", "name"],
        "optional": ["piece", "name", "version"],
        "patterns": {"run": "[a-z]+", "piece": "[a-z]+", "name": "[a-z]+"},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(rules))
    stream(tmp_path / "top/a/a_big.nc", ("t2m", "SWdnTOA"))
    stream(tmp_path / "top/a/a_one_tas.nc", ("tas",))
    build_catalog(tmp_path / "mine.yaml", tmp_path / "top", store=store, contents=True)
    view = CatalogView.open("Mine", store)
    assert view.search(name="t2m").keys == ["a.big"]
    assert view.facets("name") == {"name": {"SWdnTOA": 1, "t2m": 1, "tas": 1}}
    rules["optional"].remove("name")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(rules))
    with pytest.raises(UnknownFamily, match="with contents, name must be optional"):
        build_catalog(tmp_path / "mine.yaml", tmp_path / "top", store=store)


WORDS = st.lists(st.sampled_from(["t2m", "precip", "topl", "tos", "own"]), min_size=1)
PLACES = st.fixed_dictionaries(
    {"component": st.sampled_from(["ATM", "OCE"]), "frequency": st.sampled_from(["mon", "day"])}
)


@given(names=WORDS, facets=PLACES, others=WORDS, elsewhere=PLACES)
def test_a_mark_is_of_names_and_of_what_they_mean(names, facets, others, elsewhere):
    mark, held = list_of(names, facets, RULES)
    assert list_of(list(reversed(names)), facets, RULES) == (mark, held)
    assert set(held.variables) == set(names)
    same = (set(names), facets) == (set(others), elsewhere)
    assert (list_of(others, elsewhere, RULES)[0] == mark) == same
    assert read_lists(contents_text({mark: held}, RULES)) == {mark: held}
