"""Which replica is read: the nearest that is here, then the one that covers most."""

from __future__ import annotations

import os

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.catalog.layout import Root
from climeri_platform.catalog.replicas import (
    Replica,
    choose,
    mounts_for,
    one_replica,
    replicas_here,
    state_of,
)
from climeri_platform.core.errors import UnknownSite
from climeri_platform.sites import Site, load_site


def root_of(root_id, mount, site=""):
    return Root(
        root_id=root_id,
        mount=str(mount),
        family="CMIP6",
        walked="2026-01-01",
        found=1,
        catalogued=1,
        rejected=0,
        site=site,
    )


def frame(*rows):
    """Rows of dataset, root, start and end; one version."""
    return pl.DataFrame(
        [(dataset, "v1", root, start, end) for dataset, root, start, end in rows],
        schema={
            "dataset": pl.String,
            "version": pl.String,
            "root": pl.String,
            "start": pl.Int64,
            "end": pl.Int64,
        },
        orient="row",
    )


def years(first, last):
    return first * 10**8 + 1010000, last * 10**8 + 12312359


NEAR, FAR, AWAY = Replica("/near", (0, 0)), Replica("/far", (1, 0)), Replica(None, (3, 0))
TAPE = Replica("/tape", (2, 0), tape=True)


def chosen(files, **replicas):
    return choose(files, replicas)["root"].to_list()


def test_the_nearest_is_taken_even_if_another_has_more():
    files = frame(("d", "far", *years(1850, 2014)), ("d", "near", *years(1850, 1900)))
    assert chosen(files, near=NEAR, far=FAR) == ["near"]
    assert chosen(files, near=TAPE, far=FAR) == ["far"]
    assert chosen(files, near=AWAY, far=TAPE) == ["far"]


def test_among_equals_the_one_that_covers_most_is_taken():
    files = frame(
        ("d", "a", *years(1850, 1899)),
        ("d", "a", *years(1900, 1949)),
        ("d", "a", *years(1850, 1949)),  # overlaps count once
        ("d", "b", *years(1850, 2014)),
    )
    assert chosen(files, a=FAR, b=FAR) == ["b"]
    # also of what is nowhere here, for costs
    assert chosen(files, a=AWAY, b=AWAY) == ["b"]


def test_with_no_times_the_most_files_win_and_then_the_name():
    none = (None, None)
    files = frame(("d", "a", *none), ("d", "b", *none), ("d", "b", *none), ("e", "b", *none))
    assert chosen(files, a=FAR, b=FAR) == ["b", "b"]
    assert chosen(frame(("d", "b", *none), ("d", "a", *none)), a=FAR, b=FAR) == ["a"]


def test_a_dataset_without_a_version_has_replicas_too():
    files = frame(("d", "a", *years(1850, 1899)), ("d", "b", *years(1850, 1899)))
    files = files.with_columns(version=pl.lit(None, pl.String))
    assert one_replica(files, {"a": FAR, "b": NEAR})["root"].to_list() == ["b"]


ROOTS = ["a", "b", "c"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["d", "e", "f"]),
        st.sampled_from(ROOTS),
        st.integers(1850, 1900),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=20,
)


@given(rows=ROWS, ranks=st.lists(st.sampled_from([NEAR, FAR, TAPE, AWAY]), min_size=3, max_size=3))
def test_exactly_one_replica_whole_and_none_nearer(rows, ranks):
    replicas = dict(zip(ROOTS, ranks, strict=True))
    files = frame(*((d, r, *years(first, first + n)) for d, r, first, n in rows))
    kept = one_replica(files, replicas)
    for (dataset,), mine in files.group_by("dataset"):
        here = kept.filter(pl.col("dataset") == dataset)
        (root,) = set(here["root"])
        assert here.height == mine.filter(pl.col("root") == root).height
        best = min(replicas[each].rank for each in mine["root"])
        assert replicas[root].rank == best
        # by hand: the months of the union
        held = {
            other: {
                year
                for d, r, first, n in rows
                if (d, r) == (dataset, other)
                for year in range(first, first + n + 1)
            }
            for other in set(mine["root"])
            if replicas[other].rank == best
        }
        assert len(held[root]) == max(map(len, held.values()))
    # the order of the rows changes nothing
    assert set(kept.rows()) == set(one_replica(files.reverse(), replicas).rows())


def test_the_profile_comes_first_and_tape_last(tmp_path):
    for name in ("disk", "walked", "store"):
        (tmp_path / name / "x").mkdir(parents=True)
    site = Site(
        site="x",
        title="X",
        mounts={
            "tape": {"path": f"{tmp_path}/store", "tape": True},
            "disk": f"{tmp_path}/disk",
            "ftp": {"path": "/ftp", "reachable": False},
            "gone": f"{tmp_path}/gone",
        },
    )
    roots = [root_of(name, f"{tmp_path}/{name}") for name in ("tape", "disk", "ftp", "gone")]
    roots += [root_of("walked", tmp_path / "walked"), root_of("other", tmp_path / "nowhere")]
    here = mounts_for(roots, site, here=True)
    assert {name: each.mount for name, each in here.items()} == {
        "tape": f"{tmp_path}/store",
        "disk": f"{tmp_path}/disk",
        "ftp": None,
        "gone": None,
        "walked": f"{tmp_path}/walked",
        "other": None,
    }
    order = sorted(here, key=lambda name: here[name].rank)
    assert order[:3] == ["disk", "walked", "tape"]
    assert [name for name, each in here.items() if each.tape] == ["tape"]
    assert here["ftp"].reason == "the site x cannot reach it"
    assert here["gone"].reason == f"{tmp_path}/gone: it does not exist"


def test_an_export_keeps_a_mount_that_is_away_for_a_night(tmp_path):
    site = Site(site="x", title="X", mounts={"named": "/not/mounted"})
    roots = [
        root_of("named", "/elsewhere"),
        root_of("ours", "/away/tonight", site="x"),
        root_of("theirs", tmp_path, site="y"),
        root_of("listed", "/of/an/inventory"),
        root_of("old", tmp_path.parent),
    ]
    there = {name: each.mount for name, each in mounts_for(roots, site).items()}
    assert there == {
        "named": "/not/mounted",
        "ours": "/away/tonight",
        "theirs": None,
        "listed": None,
        "old": str(tmp_path.parent),
    }


def test_what_is_wrong_with_a_mount_is_said(tmp_path):
    assert state_of(str(tmp_path / "none")) == "it does not exist"
    (tmp_path / "empty").mkdir()
    assert state_of(str(tmp_path / "empty")) == "it is empty: is it mounted?"
    (tmp_path / "file").write_text("x")
    assert state_of(str(tmp_path / "file")) == "Not a directory"
    assert state_of(str(tmp_path)) == ""


def test_a_folder_that_may_only_be_passed_through_is_whole(tmp_path, monkeypatch):
    # a superuser may list everything, so the system's answer is given for it
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert state_of(str(tmp_path)) == ""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert state_of(str(tmp_path)) == "you may not read it"


def test_a_variable_that_is_not_set_is_an_error_where_it_matters(monkeypatch):
    monkeypatch.delenv("CLIMERI_TEST_CENTRE", raising=False)
    site = load_site("test-centre")
    assert mounts_for([root_of("other", "/x")], site)["other"].mount is None
    with pytest.raises(UnknownSite, match="CLIMERI_TEST_CENTRE"):
        mounts_for([root_of("CMIP6-disk", "/x")], site)


def test_a_build_says_which_site_walked_it(plant, tas, tmp_path, monkeypatch):
    root = plant([tas()])
    inventory = tmp_path / "list.tsv"
    inventory.write_text(f"{root}/{tas()}\t1\t1700000000\n")
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", str(tmp_path))
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="here", site="testcentre")
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="list", inventory=inventory)
    snapshot = open_snapshot(tmp_path / "store")
    assert {each.root_id: each.site for each in snapshot.card.roots} == {
        "here": "test-centre",
        "list": "",
    }
    assert snapshot.card.site == "local"
    assert {each.mount for each in replicas_here(snapshot).values()} == {str(root)}
