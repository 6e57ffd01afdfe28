"""Tables that are made part by part are those that are made at once, row for row."""

from __future__ import annotations

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import assembly, build_catalog, open_snapshot, pieces, publish
from climeri_platform.catalog.assembly import FamilyTables, assemble, without_root
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.layout import Root
from climeri_platform.catalog.publish import prepare_store, writing
from climeri_platform.catalog.renewal import Renewal, carry_root
from climeri_platform.catalog.retraction import also_retracted, apply_retractions
from climeri_platform.catalog.tables import REJECTED, files_schema, mark_latest, sort_files
from climeri_platform.core.errors import StoreDamaged

CMIP6 = load_family("CMIP6")
SCHEMA = files_schema(CMIP6)
TODAY = "2026-11-23"
KEYS = st.tuples(
    st.sampled_from(["CMIP", "ScenarioMIP"]),
    st.sampled_from(["IPSL-CM6A-LR", "CNRM-CM6-1"]),
    st.sampled_from(["r1i1p1f1", "r2i1p1f1", "r10i1p1f1"]),
    st.sampled_from(["v20190101", "v20200101"]),
    st.sampled_from([None, "185001-194912", "195001-201412"]),
)
TREES = st.sets(KEYS, max_size=12)


def row(root, key, *, size=1, stale=None):
    activity, model, member, version, span = key
    dataset = f"{activity}.X.{model}.historical.{member}.Amon.tas.gn"
    return {
        "activity_id": activity,
        "institution_id": "X",
        "source_id": model,
        "experiment_id": "historical",
        "member_id": member,
        "table_id": "Amon",
        "variable_id": "tas",
        "grid_label": "gn",
        "version": version,
        "frequency": "mon",
        "dataset": dataset,
        "time_range": span,
        "start": int(span[:6]) * 10**6 if span else None,
        "root": root,
        "path": f"{dataset}/{version}/{span}.nc",
        "size": size,
        "format": "netcdf",
        "stale": stale,
    }


def frame(rows):
    given = pl.DataFrame(rows, schema={name: SCHEMA[name] for name in row("r", ("",) * 5)})
    missing = [pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name not in given]
    return given.with_columns(missing).select(list(SCHEMA))


def card(root, **more):
    known = {"mount": f"/{root}", "walked": TODAY, "found": 0, "catalogued": 0, "rejected": 0}
    return Root(root_id=root, family="CMIP6", read_by=assembly.reader_mark(), **known, **more)


def at_once(frames, retracted):
    """The whole table, as it was made before there were parts."""
    rows = pl.concat(frames)
    if retracted is not None:
        rows = also_retracted(rows, retracted)
    return sort_files(mark_latest(rows), CMIP6)


@pytest.fixture(params=[1, 3, 1000], ids="parts of {}".format)
def in_parts(request, monkeypatch):
    monkeypatch.setattr(assembly, "_PART", request.param)
    monkeypatch.setattr(pieces, "_WHOLE", request.param)
    monkeypatch.setattr(pieces, "_PIECE", request.param)
    monkeypatch.setattr(pieces, "_GROUP", 2)


def listed(keys):
    rows = [(row("r", key)["dataset"], key[3]) for key in keys]
    return pl.DataFrame(rows, schema={"dataset": pl.String, "version": pl.String}, orient="row")


@settings(deadline=None, max_examples=15)
@given(data=st.data())
@pytest.mark.usefixtures("in_parts")
def test_a_night_gives_what_whole_frames_give(tmp_path_factory, data):
    store = tmp_path_factory.mktemp("store")
    before = {root: sorted(data.draw(TREES, root), key=str) for root in "abc"}
    stale = data.draw(st.sets(st.sampled_from(before["a"])) if before["a"] else st.just(set()))
    tables = {
        root: frame([row(root, key, stale="2026-01-01" if key in stale else None) for key in keys])
        for root, keys in before.items()
    }
    first = at_once([*tables.values()], None)
    prepare_store(store)
    with writing(store):
        publish.publish(
            store,
            [FamilyTables(CMIP6, [first], pl.DataFrame(schema=REJECTED))],
            [card(root) for root in "abc"],
            site="local",
            previous=None,
        )
    snapshot = open_snapshot(store)
    assert snapshot.read("CMIP6", "files").equals(first)

    # in the night the root a is walked, b cannot be had, and c is another site's
    fate = st.sampled_from(["kept", "changed", "gone", "unseen"])
    fates = {key: data.draw(fate) for key in before["a"]}
    new = data.draw(TREES) - set(before["a"])
    own = data.draw(st.none() | TREES)
    everywhere = data.draw(st.none() | TREES)
    fresh = [row("a", key) for key in sorted(new, key=str)]
    fresh += [row("a", key, size=2) for key, each in fates.items() if each == "changed"]
    # what nobody could see is not kept: that is for those that were seen
    kept_keys = {key for key, each in fates.items() if each == "kept" and key not in stale}
    unseen_keys = {key for key, each in fates.items() if each == "unseen"}
    keys = list(zip(first["root"], first["path"], strict=True))

    def places(chosen):
        wanted = {("a", row("a", key)["path"]) for key in chosen}
        at = [place for place, each in enumerate(keys) if each in wanted]
        return pl.Series("at", at, pl.UInt32)

    renewal = Renewal(
        CMIP6,
        card("a"),
        frame(fresh),
        pl.DataFrame(schema=REJECTED),
        table=snapshot.scan("CMIP6", "files"),
        kept=places(kept_keys),
        carried=places(unseen_keys),
        since=TODAY,
        listed=None if own is None else listed(own),
    )
    carried = carry_root(snapshot, CMIP6, "b")
    lists = None if everywhere is None else {"CMIP6": listed(everywhere)}
    (made,), roots = assemble(snapshot, [renewal, carried], lists)

    seen = frame([*fresh, *(row("a", key) for key in sorted(kept_keys, key=str))])
    if own is not None:
        seen = apply_retractions(seen, listed(own))
    of_a = tables["a"].filter(pl.col("path").is_in([row("a", key)["path"] for key in unseen_keys]))
    since = pl.col("stale").fill_null(TODAY)
    expected = at_once(
        [
            seen,
            of_a.with_columns(since),
            tables["b"].with_columns(pl.col("stale").fill_null(carried.since)),
            tables["c"],
        ],
        None if lists is None else lists["CMIP6"],
    )
    with writing(store):
        publish.publish(store, [made], roots, site="local", previous=snapshot)
    published = open_snapshot(store)
    assert published.read("CMIP6", "files").equals(expected)
    parts = [each for each in made.parts if each.height]
    assert not parts or pl.concat(parts).equals(expected)
    datasets = [set(each["dataset"]) for each in parts]
    assert sum(map(len, datasets)) == len(set().union(*datasets))
    if made.same:
        assert expected.equals(first)


@pytest.fixture
def two_roots(tmp_path, in_parts):
    keys = [("CMIP", "M", f"r{n}i1p1f1", "v1", "185001-194912") for n in (1, 2, 10)]
    rows = at_once([frame([row(root, key) for key in keys]) for root in "ab"], None)
    prepare_store(tmp_path)
    with writing(tmp_path):
        tables = FamilyTables(CMIP6, [rows], pl.DataFrame(schema=REJECTED))
        publish.publish(tmp_path, [tables], [card("a"), card("b")], site="local", previous=None)
    return tmp_path


def kept_as_it_was(snapshot, root="a", **more):
    table = snapshot.scan("CMIP6", "files")
    at = (table.select("root").collect()["root"] == root).arg_true()
    nothing = pl.DataFrame(schema=SCHEMA)
    refused = pl.DataFrame(schema=REJECTED)
    return Renewal(CMIP6, card(root), nothing, refused, table=table, kept=at, **more)


def test_nothing_changed_is_told_without_making_the_table(two_roots):
    snapshot = open_snapshot(two_roots)
    (made,), _ = assemble(snapshot, [kept_as_it_was(snapshot)])
    assert made.same
    assert pl.concat(made.parts).equals(snapshot.read("CMIP6", "files"))


@pytest.mark.parametrize(
    "change", ["a list for the root", "a list for all", "another release", "carried", "rules"]
)
def test_what_makes_rows_otherwise_is_a_change(two_roots, monkeypatch, change):
    snapshot = open_snapshot(two_roots)
    table = listed([("CMIP", "M", "r2i1p1f1", "v1", None)])
    renewal = kept_as_it_was(snapshot, listed=table if "root" in change else None)
    if change == "another release":
        monkeypatch.setattr(assembly, "reader_mark", lambda: "9.9")
    if change == "carried":
        renewal = carry_root(snapshot, CMIP6, "a")
    if change == "rules":
        rules = snapshot.folder / "CMIP6/family.json"
        rules.write_text(rules.read_text().replace('"title": "', '"title": "old '))
    (made,), roots = assemble(snapshot, [renewal], {"CMIP6": table} if "all" in change else None)
    assert not made.same
    rows = pl.concat(made.parts)
    assert rows.height == 6
    if "list" in change:
        where = {"a"} if "root" in change else {"a", "b"}
        assert set(rows.filter("retracted")["root"]) == where
        # the same lists again are no change
        with writing(two_roots):
            publish.publish(two_roots, [made], roots, site="local", previous=snapshot)
        snapshot = open_snapshot(two_roots)
        renewal = kept_as_it_was(snapshot, listed=table if "root" in change else None)
        (again,), _ = assemble(snapshot, [renewal], {"CMIP6": table} if "all" in change else None)
        assert again.same


def test_a_root_that_was_read_without_the_list_is_retracted_with_the_same_list_again(two_roots):
    lists = {"CMIP6": listed([("CMIP", "M", "r2i1p1f1", "v1", None)])}

    def publish_with(root, lists):
        snapshot = open_snapshot(two_roots)
        (made,), roots = assemble(snapshot, [kept_as_it_was(snapshot, root)], lists)
        with writing(two_roots):
            tables = [] if made.same else [made]
            publish.publish(two_roots, tables, roots, site="local", previous=snapshot)
        rows = open_snapshot(two_roots).read("CMIP6", "files")
        return sorted(rows.filter("retracted")["root"]), made.same

    assert publish_with("a", lists) == (["a", "b"], False)
    assert publish_with("a", lists) == (["a", "b"], True)
    assert publish_with("b", None) == (["a"], False)  # as one builds it by hand
    assert publish_with("a", lists) == (["a", "b"], False)
    assert publish_with("a", lists) == (["a", "b"], True)
    assert publish_with("a", None) == (["b"], False)  # what nobody read anew stays as it was


def test_a_root_is_taken_out_part_by_part(two_roots):
    snapshot = open_snapshot(two_roots)
    (made,), roots, ends = without_root(snapshot, "a")
    rows = pl.concat(made.parts)
    assert (set(rows["root"]), rows.height) == ({"b"}, 3)
    assert rows["member_id"].to_list() == ["r1i1p1f1", "r2i1p1f1", "r10i1p1f1"]
    assert ([each.root_id for each in roots], ends) == (["b"], set())


def test_a_family_may_begin_with_the_member(tmp_path, plant, in_parts):
    rules = {
        "family": "own",
        "title": "Own runs",
        "variable": "variable",
        "directories": ["<member>/<table>"],
        "files": ["<variable>.nc"],
        "dataset": ["member", "table", "variable"],
        "optional": ["version"],
        "patterns": {"member": r"r\d+", "table": "[a-z]+", "variable": "[a-z]+"},
    }
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(rules))
    members = ["r1", "r2", "r10", "r11"]
    for count in (3, 4):
        root = plant(
            [f"{each}/mon/{name}.nc" for each in members[:count] for name in ("pr", "tas")]
        )
        build_catalog(own, root, store=tmp_path / "store", root_id="r")
        rows = open_snapshot(tmp_path / "store").read("own", "files")
        assert rows["member"].to_list() == [each for each in members[:count] for _ in "ab"]


def test_rows_that_have_to_stay_and_cannot_be_read_are_told_before_anything_is_written(two_roots):
    snapshot = open_snapshot(two_roots)
    path = snapshot.folder / "CMIP6/files.parquet"
    renewal = kept_as_it_was(snapshot)
    whole = path.read_bytes()
    # the columns that are looked at first come before those of the facets in no file: damage all
    path.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :])
    lost = []
    with pytest.raises(StoreDamaged):
        assemble(snapshot, [renewal])
    tables, roots = assemble(snapshot, [renewal], lost=lambda *told: lost.append(told))
    assert tables == []
    assert [name for name, _ in lost] == ["CMIP6"]
    assert roots == snapshot.card.roots


def test_pieces_part_no_dataset(monkeypatch):
    monkeypatch.setattr(pieces, "_WHOLE", 2)
    names = ["a", "b", "b", "b", "b", "c", "d", "d"]
    found = [
        each["dataset"].to_list()
        for each in pieces.whole_datasets(pl.LazyFrame({"dataset": names}))
    ]
    assert found == [["a"], ["b", "b", "b", "b"], ["c", "d", "d"]]


def test_an_error_under_way_is_the_one_that_is_raised(tmp_path):
    def frames():
        yield pl.DataFrame({"n": [1]})
        raise StoreDamaged("the table x cannot be read")

    with pytest.raises(StoreDamaged, match="the table x"):
        pieces.write_pieces(frames(), {"n": pl.Int64()}, tmp_path / "x.parquet")
    pieces.write_pieces([], {"n": pl.Int64()}, tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").schema == {"n": pl.Int64}
