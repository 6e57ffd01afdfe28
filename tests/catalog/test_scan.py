"""Scanning a root: links of every kind, what is reused, and bulk reading that equals reading one by one."""

from __future__ import annotations

import os
import string
import subprocess
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import listing
from climeri_platform.catalog import scan as scanning
from climeri_platform.catalog.family import Rejected, family_names, load_family
from climeri_platform.catalog.guess import guess_family
from climeri_platform.catalog.inventory import FIND_FORMAT
from climeri_platform.catalog.parsing import Parser
from climeri_platform.catalog.scan import Walking, compare_root
from climeri_platform.catalog.tables import files_schema
from climeri_platform.catalog.walk import check_root
from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

CMIP6 = load_family("CMIP6")
GRID = "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr"
NAME = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_{}.nc"
OLD, NEW = "185001-194912", "195001-201412"


def whole(found):
    """All that was found, with the rows of files that are as they were."""
    rows = found.in_table(None).fresh.sort("path")
    return SimpleNamespace(files=rows, rejected=found.rejected, skipped=found.skipped)


def scan(root, **more):
    return whole(compare_root(CMIP6, check_root(root), "here", **more))


def grown(tmp_path, files, links=(), hard=()):
    root = tmp_path / "archive" / "CMIP6"
    for size, path in enumerate(files, 1):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * size)
    for path, target in links:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    for path, other in hard:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).hardlink_to(root / other)
    return root


def listed(root, tmp_path):
    command = ["find", root, "-mindepth", "1", "-printf", FIND_FORMAT]
    (tmp_path / "list").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return tmp_path / "list"


def versions(found):
    return sorted(found.files.select("version", "path").iter_rows())


def test_a_version_that_is_laid_out_by_links_is_the_version(tmp_path):
    one, two = NAME.format(OLD), NAME.format(NEW)
    root = grown(
        tmp_path,
        [
            f"{GRID}/files/d20180803/{one}",
            f"{GRID}/files/d20180803/{two}",
            f"{GRID}/files/d20190101/{two}",
        ],
        [
            (f"{GRID}/v20180803/{one}", f"../files/d20180803/{one}"),
            (f"{GRID}/v20180803/{two}", f"../files/d20180803/{two}"),
            # the first part did not change
            (f"{GRID}/v20190101/{one}", f"../files/d20180803/{one}"),
            (f"{GRID}/v20190101/{two}", f"../files/d20190101/{two}"),
            (f"{GRID}/latest", "v20190101"),
        ],
    )
    found = scan(root)
    assert versions(found) == [
        (version, f"{GRID}/{version}/{name}")
        for version in ("v20180803", "v20190101")
        for name in (one, two)
    ]
    assert found.rejected.height == 0
    assert sorted(other for _, other in found.skipped.repeated) == [
        f"{GRID}/files/d20180803/{one}",
        f"{GRID}/files/d20180803/{two}",
        f"{GRID}/files/d20190101/{two}",
    ]
    assert all("/v20" in stays for stays, _ in found.skipped.repeated)
    # the rows say 1 + 2 + 1 + 3 bytes, the disk holds 6
    assert (found.files["size"].sum(), found.skipped.shared) == (7, 1)
    assert found.skipped.notes == []


def test_files_that_are_only_beside_the_versions_get_one(tmp_path):
    root = grown(
        tmp_path,
        [
            f"{GRID}/files/d20180803/{NAME.format(OLD)}",
            f"{GRID}/files/tas_20190101/{NAME.format(OLD)}",
        ],
    )
    found = scan(root)
    assert [version for version, _ in versions(found)] == ["v20180803", "v20190101"]
    assert found.skipped.repeated == []


BADC = "output1/MOHC/HadGEM2-ES/rcp45/mon/atmos/Amon/r1i1p1"
RCP = "tas_Amon_HadGEM2-ES_rcp45_r1i1p1_{}.nc"
CMIP5 = load_family("CMIP5")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            f"/badc/cmip5/data/cmip5/{BADC}/files/tas_20110323/{RCP}",
            ("output1.MOHC.HadGEM2-ES.rcp45.mon.atmos.Amon.r1i1p1.tas", "v20110323"),
        ),
        (
            f"bdd/CMIP5/output/IPSL/IPSL-CM5A-LR/rcp45/mon/atmos/Amon/r1i1p1/files/tas_20111119/{RCP.replace('HadGEM2-ES', 'IPSL-CM5A-LR')}",
            ("output.IPSL.IPSL-CM5A-LR.rcp45.mon.atmos.Amon.r1i1p1.tas", "v20111119"),
        ),
        (
            f"{BADC}/tas/files/d20120101/{RCP}",
            ("output1.MOHC.HadGEM2-ES.rcp45.mon.atmos.Amon.r1i1p1.tas", "v20120101"),
        ),
        # NCAR's tree, which has no level of the table
        (
            f"{BADC.replace('/Amon', '')}/files/tas_20110323/{RCP}",
            ("output1.MOHC.HadGEM2-ES.rcp45.mon.atmos.Amon.r1i1p1.tas", "v20110323"),
        ),
        (
            "output1/MOHC/HadGEM2-ES/rcp45/fx/atmos/fx/r0i0p0/files/areacella_20110323/areacella_fx_HadGEM2-ES_rcp45_r0i0p0.nc",
            ("output1.MOHC.HadGEM2-ES.rcp45.fx.atmos.fx.r0i0p0.areacella", "v20110323"),
        ),
        (f"{BADC}/files/pr_20110323/{RCP}", "<variable> is 'tas' in the name, 'pr' in the"),
        (f"{BADC}/files/tas_2011/{RCP}", "'tas_2011' stands where <variable> should"),
        (f"{BADC}/file/tas_20110323/{RCP}", "'tas_20110323' stands where <variable> should"),
    ],
)
def test_where_cmip5_kept_files_beside_the_versions(path, said):
    taken, refused = Parser(CMIP5, ()).parse(pl.Series([path.format("200512-203011")]))
    if isinstance(said, tuple):
        assert taken.select("dataset", "version").rows() == [said]
        assert not refused.height
    else:
        assert said in refused["reason"].item()


@pytest.mark.parametrize("kind", ["files", "folders", "none"])
def test_versions_of_cmip5_that_are_links_to_files_beside_them(tmp_path, kind):
    old, new = RCP.format("200512-203011"), RCP.format("203012-209912")
    held = [f"tas_20110323/{old}", f"tas_20110323/{new}", f"tas_20120101/{new}"]
    links = {
        "files": [
            (f"{BADC}/v20110323/tas/{old}", f"../../files/{held[0]}"),
            (f"{BADC}/v20110323/tas/{new}", f"../../files/{held[1]}"),
            (f"{BADC}/v20120101/tas/{old}", f"../../files/{held[0]}"),
            (f"{BADC}/v20120101/tas/{new}", f"../../files/{held[2]}"),
        ],
        "folders": [
            (f"{BADC}/v{each}/tas", f"../files/tas_{each}") for each in ("20110323", "20120101")
        ],
        "none": [],
    }[kind]
    root = grown(tmp_path, [f"{BADC}/files/{each}" for each in held], links)
    found = whole(compare_root(CMIP5, check_root(root), "here"))
    counts = dict(found.files["version"].value_counts().rows())
    assert counts == {"v20110323": 2, "v20120101": 2 if kind == "files" else 1}
    assert found.rejected.height == 0
    # whether or not versions are laid out, `climeri catalog add` knows what the tree is of
    assert "CMIP5" in guess_family(root.rename(tmp_path / "CMIP5")).fits


def test_a_copy_beside_the_version_is_told_and_left_out(tmp_path):
    name = NAME.format(OLD)
    root = grown(tmp_path, [f"{GRID}/v20180803/{name}", f"{GRID}/files/d20180803/{name}"])
    found = scan(root)
    assert versions(found) == [("v20180803", f"{GRID}/v20180803/{name}")]
    assert found.skipped.repeated == [
        (f"{GRID}/v20180803/{name}", f"{GRID}/files/d20180803/{name}")
    ]


@pytest.mark.parametrize("kind", ["hard", "links"])
def test_a_file_that_two_versions_share_belongs_to_both(tmp_path, kind):
    name = NAME.format(OLD)
    there = f"{GRID}/v20190101/{name}"
    other = f"{GRID}/v20180803/{name}"
    target = other if kind == "hard" else f"../v20180803/{name}"
    found = scan(grown(tmp_path, [other], **{kind: [(there, target)]}))
    assert versions(found) == [("v20180803", other), ("v20190101", there)]
    assert found.files["inode"].n_unique() == 1
    assert (found.skipped.repeated, found.skipped.shared) == ([], 1)


def test_two_paths_to_one_version_are_one_row(tmp_path):
    name = NAME.format(OLD)
    first = f"{GRID}/v20180803/{name}"
    root = grown(tmp_path, [first], hard=[(f"mirror/{first}", first)])
    found = scan(root)
    assert versions(found) == [("v20180803", first)]
    assert found.skipped.repeated == [(first, f"mirror/{first}")]


@pytest.mark.parametrize(
    ("target", "wrong"), [("v20190101", False), ("v9", True), ("v20180803/", True)]
)
def test_latest_as_a_link_is_compared_with_the_newest(tmp_path, target, wrong):
    paths = [f"{GRID}/{version}/{NAME.format(OLD)}" for version in ("v9", "v20180803", "v20190101")]
    root = grown(tmp_path, paths, [(f"{GRID}/latest", target)])
    for found in (scan(root), scan(root, inventory=listed(root, tmp_path))):
        assert found.skipped.links == [f"{GRID}/latest"]
        assert found.skipped.latest == [(f"{GRID}/latest", target)]
        assert bool(found.skipped.notes) == wrong
        assert all("the newest version there is v20190101" in each for each in found.skipped.notes)


def test_latest_as_a_directory_is_a_version_of_its_own(tmp_path):
    paths = [f"{GRID}/{version}/{NAME.format(OLD)}" for version in ("latest", "v20180803")]
    found = scan(grown(tmp_path, paths))
    assert [version for version, _ in versions(found)] == ["latest", "v20180803"]


def test_chains_loops_and_a_root_that_is_a_link(tmp_path):
    name = NAME.format(OLD)
    root = grown(
        tmp_path,
        ["store/data"],
        [
            ("store/one", "two"),
            ("store/two", "data"),
            (f"{GRID}/v20180803/{name}", f"{'../' * 9}store/one"),
            ("up", "."),
            ("a/b", "../a"),
            ("x.nc", "y.nc"),
            ("y.nc", "x.nc"),
        ],
    )
    mount = tmp_path / "mounted"
    mount.mkdir()
    (mount / "CMIP6").symlink_to(root)
    found = scan(mount / "CMIP6")
    assert versions(found) == [("v20180803", f"{GRID}/v20180803/{name}")]
    assert found.skipped.links == ["a/b", "up"]
    assert [path for path, _ in found.skipped.unreadable] == ["x.nc", "y.nc"]


def test_the_columns_say_what_the_file_system_says(tmp_path):
    root = grown(tmp_path, [f"{GRID}/v20180803/{NAME.format(part)}" for part in (OLD, NEW)])
    secret = root / f"{GRID}/v20180803/{NAME.format(OLD)}"
    secret.chmod(0o640)
    with (root / f"{GRID}/v20180803/{NAME.format(NEW)}").open("wb") as sparse:
        sparse.truncate(10**6)
    rows = scan(root, how=Walking(tape=True)).files
    status = secret.stat()
    assert rows["public"].to_list() == [False, True]
    assert rows["online"].to_list() == [True, False]
    assert (rows["inode"][0], rows["ctime"][0]) == (status.st_ino, status.st_ctime_ns)
    assert rows["unix_group"][0] == secret.group()
    assert scan(root).files["online"].to_list() == [None, None]


def test_what_did_not_change_is_not_read_again(tmp_path, monkeypatch):
    paths = [f"{GRID}/v20180803/{NAME.format(part)}" for part in (OLD, NEW)]
    root = grown(tmp_path, [*paths, f"{GRID}/v20180803/stray.nc"])
    before = scan(root)
    (root / paths[0]).write_bytes(b"something else")
    asked = []
    real = Parser.parse
    monkeypatch.setattr(
        Parser, "parse", lambda self, new: asked.append(list(new)) or real(self, new)
    )
    again = scan(root, known=before.files)
    assert asked == [[f"{GRID}/v20180803/stray.nc", paths[0]]]
    fresh = scan(root)
    assert again.files.equals(fresh.files)
    assert again.rejected.equals(fresh.rejected)


def small_tree(tmp_path):
    paths = [
        f"{GRID}/{v}/{NAME.format(part)}" for v in ("v9", "v10", "v9-x") for part in (OLD, NEW)
    ]
    return grown(tmp_path, [*paths, f"{GRID}/files/d20180803/{NAME.format(OLD)}", "stray.nc"])


@pytest.mark.parametrize("known", [False, True])
def test_the_pieces_of_a_walk_are_together_the_whole(tmp_path, monkeypatch, known):
    root = small_tree(tmp_path)
    before = scan(root).files if known else None
    (root / GRID / "v9" / NAME.format(OLD)).write_bytes(b"something else")
    whole = scan(root, known=before)
    monkeypatch.setattr(listing, "_BATCH", 1)
    pieces = scan(root, known=before)
    assert pieces.files.equals(whole.files)
    assert pieces.files["path"].is_sorted()
    assert pieces.rejected.equals(whole.rejected)
    assert pieces.skipped == whole.skipped


def test_a_file_that_a_walk_meets_twice_is_as_it_was_met_last(tmp_path, monkeypatch):
    root = grown(tmp_path, [f"{GRID}/v9/{NAME.format(part)}" for part in (OLD, NEW)])
    before = scan(root)
    real = scanning.gather

    def twice(*of):
        (whole,) = real(*of)
        yield whole.with_columns(mtime=pl.col("mtime") - 1)
        yield whole

    monkeypatch.setattr(scanning, "gather", twice)
    again = compare_root(CMIP6, check_root(root), "here", known=before.files)
    assert (again.fresh.height, len(again.kept)) == (0, before.files.height)
    assert whole(again).files.equals(before.files)


def test_what_goes_wrong_with_names_ends_the_walk(tmp_path, monkeypatch):
    root = small_tree(tmp_path)

    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(Parser, "parse", broken)
    threads = threading.active_count()
    with pytest.raises(MemoryError):
        scan(root)
    assert threading.active_count() == threads
    monkeypatch.undo()
    monkeypatch.setattr(listing, "_BATCH", 1)
    monkeypatch.setattr(os, "scandir", broken)
    with pytest.raises(MemoryError):
        compare_root(CMIP6, root, "here")
    assert threading.active_count() == threads


# names of a few levels, that meet often
LEVELS = st.lists(
    st.sampled_from(
        ["v20180803", "v20190101", "files", "d20180803", "latest", "x.zarr", "é", "a b"]
    ),
    max_size=3,
).map(lambda parts: "/".join([GRID, *parts]))
LEAVES = st.sampled_from(
    [NAME.format(OLD), NAME.format(NEW), "stray.nc", "note.txt", "a\nb.nc", "refs.parq"]
)
PATHS = st.tuples(LEVELS, LEAVES).map("/".join)


@given(
    files=st.lists(st.tuples(PATHS, st.integers(0, 3)), min_size=1, max_size=12),
    links=st.lists(st.tuples(PATHS | LEVELS, PATHS | LEVELS), max_size=5),
    hard=st.lists(st.tuples(PATHS, st.integers(0, 11)), max_size=3),
)
@settings(max_examples=25, deadline=None)
def test_a_walk_and_the_list_of_find_agree(tmp_path_factory, files, links, hard):
    tmp_path = tmp_path_factory.mktemp("tree")
    root = tmp_path / "CMIP6"
    made = []
    for path, size in files:
        if _room(root, path):
            (root / path).write_bytes(b"x" * size)
            made.append(path)
    for path, which in hard:
        if _room(root, path) and made:
            (root / path).hardlink_to(root / made[which % len(made)])
    for path, target in links:
        if _room(root, path):
            (root / path).symlink_to(os.path.relpath(root / target, (root / path).parent))
    root.mkdir(exist_ok=True)
    walked = scan(root, how=Walking(tape=True))
    from_list = scan(root, inventory=listed(root, tmp_path))
    assert walked.files.equals(from_list.files)
    assert walked.rejected.equals(from_list.rejected)
    for name in ("other", "links", "latest", "repeated", "shared", "notes"):
        assert getattr(walked.skipped, name) == getattr(from_list.skipped, name), name
    many = scan(root, how=Walking(tape=True, walkers=8))
    assert (many.files.equals(walked.files), many.skipped) == (True, walked.skipped)
    assert many.rejected.equals(walked.rejected)


def _room(root: Path, path: str) -> bool:
    place = root / path
    for above in place.relative_to(root).parents:
        if (root / above).is_symlink() or (root / above).is_file():
            return False
    if place.is_symlink() or place.exists():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    return True


def one_by_one(rules, path, above):
    folder, _, name = path.rpartition("/")
    try:
        parsed = rules.parse_name(name, rules.parse_directory((*above, *folder.split("/"))))
    except Rejected as no:
        return no.code, no.reason
    span = parsed.span
    times = (parsed.time_range, span and span.start, span and span.end)
    facets = tuple(parsed.facets.get(each) for each in rules.facets)
    return (*facets, rules.key(dict(parsed.facets)), *times)


def in_bulk(rules, paths, above):
    taken, refused = Parser(rules, above).parse(pl.Series(paths, dtype=pl.String))
    said = [*rules.facets, "dataset", "time_range", "start", "end"]
    found = dict(zip(taken["at"], taken.select(said).iter_rows(), strict=True))
    found |= {at: (code, reason) for at, code, reason in refused.iter_rows()}
    assert len(found) == len(paths) == taken.height + refused.height
    return [found[at] for at in range(len(paths))]


def _facets(rules):
    names = {*files_schema(rules), *rules.dataset, *rules.patterns}
    word = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=6)
    few = {
        name: st.from_regex(rules.patterns[name], fullmatch=True)
        if name in rules.patterns
        else word
        for name in names
    }
    return st.fixed_dictionaries(few)


@pytest.mark.parametrize("family", family_names())
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_reading_in_bulk_is_reading_one_by_one(family, data):
    rules = load_family(family)
    spans = st.sampled_from(
        [
            "185001-194912",
            "1850-1949",
            "18500101-18500131",
            "18500101_18501231",
            "1850",
            "185013-185012",
            "20000101000000-20001231235959",
        ]
    )
    paths = []
    for facets in data.draw(st.lists(_facets(rules), min_size=1, max_size=2)):
        for span in data.draw(st.lists(spans | st.none(), min_size=1, max_size=4)):
            try:
                paths.append(rules.path({**facets, "time_range": span or "1850"}, span))
            except UsageError:  # no template holds these
                continue
    # the same names elsewhere, and other ones in the same directories
    folders = [each.rpartition("/")[0] for each in paths] or ["a"]
    names = [each.rpartition("/")[2] for each in paths] or ["a.nc"]
    paths += [f"{folder}/{name}" for folder in folders for name in [*names, "x.nc", "tas_1850.nc"]]
    above = ("bdd", "CMIP6")
    assert in_bulk(rules, paths, above) == [one_by_one(rules, each, above) for each in paths]


def test_a_family_may_have_a_facet_called_group(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "family: mine\ntitle: t\nvariable: variable\ndirectories: [<group>]\n"
        'files: ["<variable>.nc"]\ndataset: [group, variable]\noptional: [version]\n'
        "patterns: {group: '[a-z]+', variable: '[a-z]+'}\n"
    )
    root = grown(tmp_path, ["alpha/tas.nc"])
    row = whole(compare_root(load_family(path), root, "here")).files.row(0, named=True)
    assert (row["group"], row["unix_group"]) == ("alpha", (root / "alpha/tas.nc").group())
