"""Cards joined to rows: what is found by them, and what a run without one has."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest

from climeri_platform import open_catalog
from climeri_platform.catalog import CatalogView, build_catalog, load_family, open_snapshot
from climeri_platform.catalog.assembly import assemble
from climeri_platform.catalog.carding import (
    FoundCard,
    apply_cards,
    cards_for,
    cards_of,
    completed,
    find_cards,
    stored_cards,
)
from climeri_platform.catalog.cards import SimulationCard
from climeri_platform.catalog.embargo import embargoes
from climeri_platform.catalog.renewal import Renewal
from climeri_platform.catalog.tables import REJECTED, files_schema
from climeri_platform.cli import front
from climeri_platform.core.errors import (
    StoreDamaged,
    UnknownFacet,
    UnknownFamily,
    UnknownValue,
    UsageError,
)
from climeri_platform.selection.reading import files_to_open

FILE = "IPSLCM6/PROD/clim/{job}/ATM/Analyse/TS_MO/{job}_20000101_20091231_1M_t2m.nc"
CARD = "title: {job}\nmodel: {model}\nconfiguration: {kind}\nparameters: {{tau: {tau}}}\n"
CARD += "cmip: {{experiment: amip, member: r{n}i1p1f1}}\n"


@pytest.fixture
def runs(plant):
    """Three runs of a tuning ensemble with cards, one with config.card only, one with nothing."""
    root = plant([FILE.format(job=f"T{n}") for n in range(5)], root="igcm")
    for n in range(3):
        kind = "aquaplanet" if n == 0 else "[nudged, zoomed]"
        text = CARD.format(job=f"T{n}", model="IPSL-CM6A-LR", kind=kind, tau=0.1 * (n + 1), n=n + 9)
        (root / f"IPSLCM6/PROD/clim/T{n}/simulation.yaml").write_text(text)
    (root / "IPSLCM6/PROD/clim/T3/config.card").write_text(
        "[UserChoices]\nJobName=T3\nLongName=The third\nCalendarType=noleap\nDateBegin=2000-01-01\n"
    )
    return root


@pytest.fixture
def built(runs, tmp_path):
    report = build_catalog("libIGCM", runs, store=tmp_path / "store", root_id="mine")
    assert report.unreadable == []
    return tmp_path / "store"


def test_runs_are_found_by_what_their_cards_say(built):
    view = CatalogView.open("libIGCM", built)

    def found(**asked):
        return view.search(**asked).values("job_name")

    assert found(configuration="aquaplanet") == ["T0"]
    assert found(configuration="*zoomed*") == ["T1", "T2"]
    assert found(experiment="amip") == ["T0", "T1", "T2"]
    assert found(experiment="clim") == ["T3", "T4"]  # without a card, the name in the tree
    assert found(experiment_name="clim") == ["T0", "T1", "T2", "T3", "T4"]
    assert found(member="r10i1p1f1", model="IPSL-CM6A-LR") == ["T1"]
    assert found(model="IPSLCM6") == ["T3", "T4"]
    assert found(parameter={"tau": 0.2}) == ["T1"]
    assert found(parameter={"tau": [0.1, "0.30"]}) == ["T0", "T2"]
    assert found(**{"params.tau": "2e-1"}) == ["T1"]
    assert found(card="uncarded") == ["T3", "T4"]
    assert view.facets("card")["card"] == {"carded": 3, "uncarded": 2}
    assert list(view.facets("member")["member"]) == ["r9i1p1f1", "r10i1p1f1", "r11i1p1f1"]
    with pytest.raises(UnknownFacet, match="parameter"):
        view.search(parameter="tau")


def test_parameters_by_ranges(built, runs, tmp_path, capsys):
    for n, value in ((0, "6.5e-4"), (1, "0.0008"), (2, "Tiedtke")):
        card = next(runs.rglob(f"T{n}/simulation.yaml"))
        card.write_text(card.read_text().replace("{tau: ", f"{{cld_lc_lsc: {value}, tau: "))
    build_catalog("libIGCM", runs, store=built, root_id="mine")
    view = CatalogView.open("libIGCM", built)

    def found(**asked):
        return view.search(parameter=asked).values("job_name")

    assert found(cld_lc_lsc="6e-4/8e-4") == ["T0", "T1"]  # as numbers; no number is in no range
    assert found(cld_lc_lsc="6e-4/7e-4") == ["T0"]
    assert found(cld_lc_lsc="7e-4/") == ["T1"]
    assert found(cld_lc_lsc=["/7e-4", "Tiedtke"]) == ["T0", "T2"]
    assert found(tau="0.3/10") == ["T2"]  # 0.1 * 3 is 0.3, and 10 is more than 9
    assert found(tau="0.2/0.2", cld_lc_lsc="0/1") == ["T1"]
    assert view.search(**{"params.tau": "0.15/"}).values("job_name") == ["T1", "T2"]
    everything = open_catalog(store=built)
    assert len(everything.search(parameter={"tau": "0.15/0.25"})) == 1
    assert "params.tau=0.15/0.25" in repr(everything.search(parameter={"tau": "0.15/0.25"}))
    with pytest.raises(UnknownValue, match=r"params\.tau='5/9'") as refused:
        found(tau="5/9")
    assert "0.1, 0.2, 0.3" in refused.value.hint
    with pytest.raises(UnknownValue, match=r"params\.tau='5/9'"):
        everything.search(parameter={"tau": "5/9"})
    for wrong, why in (("0.1/x", "'x' is no number"), ("0.3/0.1", "ends before"), ("nan/1", "nan")):
        with pytest.raises(UsageError, match=why):
            found(tau=wrong)
        with pytest.raises(UsageError, match=why):
            everything.search(parameter={"tau": wrong})
    words = ["catalog", "search", "libIGCM", "--store", str(built), "params.cld_lc_lsc=6e-4/7e-4"]
    assert front.run(words) == 0
    keys = [each.split()[0] for each in capsys.readouterr().out.splitlines()]
    assert keys == view.search(job_name="T0").keys
    assert front.run([*words[:-1], "params.tau=0.1/x"]) == 2
    assert "'x' is no number" in capsys.readouterr().err


def test_a_range_of_what_is_no_number(runs, tmp_path):
    card = next(runs.rglob("T0/simulation.yaml"))
    card.write_text(card.read_text().replace("{tau: ", "{convection: Tiedtke/Emanuel, tau: "))
    build_catalog("libIGCM", runs, store=tmp_path / "store")
    view = CatalogView.open("libIGCM", tmp_path / "store")
    with pytest.raises(UnknownValue) as refused:
        view.search(parameter={"convection": "1/2"})
    assert refused.value.hint == "None of its values is a number: Tiedtke/Emanuel."
    asked = view.search(parameter={"convection": "Tiedtke/Emanuel"})  # a word that has a slash
    assert asked.values("job_name") == ["T0"]


def test_config_card_fills_the_calendar_and_nothing_else_does(built):
    files = open_snapshot(built).read("libIGCM", "files")
    calendars = dict(files.select("job_name", "calendar").iter_rows())
    assert calendars == {"T0": None, "T1": None, "T2": None, "T3": "noleap", "T4": None}


def test_all_catalogs_are_searched_by_cards_too(built):
    everything = open_catalog(store=built)
    assert len(everything.search(experiment="amip", member="r9i1p1f1")) == 1
    assert len(everything.search(parameter={"tau": 0.3})) == 1
    assert everything.search(configuration="aquaplanet").facets("card") == {"card": {"carded": 1}}


def test_simulations_are_a_table_with_numbers(built):
    table = open_catalog("libIGCM", store=built).simulations()
    rows = {row["simulation"]: row for row in table.to_dicts()}
    assert list(rows) == [f"T{n}" for n in range(5)]
    assert table.filter(pl.col("params.tau").is_between(0.15, 0.35))["simulation"].to_list() == [
        *("T1", "T2")
    ]
    assert (
        rows["T0"] | {"card": "carded", "title": "T0", "datasets": 1, "root": "mine"} == rows["T0"]
    )
    third = {"card": "uncarded", "title": "The third", "begin": "2000-01-01", "calendar": "noleap"}
    assert rows["T3"] | third == rows["T3"]
    assert rows["T4"]["title"] is None
    assert open_catalog("libIGCM", store=built).search(card="carded").simulations().height == 3


def test_families_of_cmip_have_no_cards(demo_store, tmp_path):
    with pytest.raises(UnknownFacet, match="no simulation cards"):
        open_catalog("CMIP6", store=demo_store).simulations()
    assert load_family("CMIP6").card_facets == []
    table = open_catalog("libIGCM", store=demo_store).simulations()
    (row,) = table.to_dicts()
    assert row["title"] == "Synthetic historical run of the demonstration archive"
    assert (row["calendar"], row["end"], row["card"]) == ("standard", "2014-12-31", "uncarded")
    files = open_snapshot(demo_store).read("libIGCM", "files")
    assert set(files["calendar"]) == {"standard"}
    assert set(files["model"]) == set(files["tag_name"])


def test_a_wrong_card_is_told_and_the_run_is_as_without(runs, tmp_path):
    path = runs / "IPSLCM6/PROD/clim/T0/simulation.yaml"
    path.write_text("title: x\nconfiguraton: 1D\n")
    report = build_catalog("libIGCM", runs, store=tmp_path / "store")
    ((shown, reason),) = report.unreadable
    assert shown == "IPSLCM6/PROD/clim/T0/simulation.yaml"
    assert reason.startswith("line 2: configuraton: ")
    view = CatalogView.open("libIGCM", tmp_path / "store")
    assert view.search(card="uncarded").values("job_name") == ["T0", "T3", "T4"]


def test_the_root_may_be_inside_a_run_and_stray_cards_above_the_tree_hold_for_nothing(
    runs, tmp_path
):
    build_catalog("libIGCM", runs / "IPSLCM6/PROD/clim/T0/ATM", store=tmp_path / "a")
    assert CatalogView.open("libIGCM", tmp_path / "a").facets("configuration") == {
        "configuration": {"aquaplanet": 1}
    }
    (runs.parent / "simulation.yaml").write_text("title: not of this tree\n")
    build_catalog("libIGCM", runs, store=tmp_path / "b")
    assert CatalogView.open("libIGCM", tmp_path / "b").facets("card")["card"]["uncarded"] == 2


def test_a_folder_of_cards_goes_by_the_name_of_the_simulation(runs, tmp_path):
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "a.yaml").write_text("simulation: T4\ntitle: Four\nconfiguration: LES\n")
    (cards / "b.yaml").write_text("simulation: T0\ntitle: Mine\nconfiguration: 1D\n")
    (cards / "c.yaml").write_text("title: whose?\n")
    (cards / "notes.txt").write_text("x")
    report = build_catalog("libIGCM", runs, store=tmp_path / "store", cards=cards)
    ((shown, reason),) = report.unreadable
    assert shown.endswith("c.yaml")
    assert "simulation" in reason
    view = CatalogView.open("libIGCM", tmp_path / "store")
    assert view.search(configuration="LES").values("job_name") == ["T4"]
    assert view.search(configuration="1D").values("job_name") == ["T0"]
    with pytest.raises(UsageError, match=r"folder of cards .*none is not there"):
        build_catalog("libIGCM", runs, store=tmp_path / "store", cards=tmp_path / "none")


@pytest.mark.parametrize("there", [True, False])
def test_cards_for_a_family_that_has_none_are_refused_before_the_walk(plant, tas, tmp_path, there):
    cards = tmp_path / "cards"
    if there:
        cards.mkdir()
    with pytest.raises(UsageError, match="CMIP6 has no simulation cards") as refused:
        build_catalog("CMIP6", plant([tas()]), store=tmp_path / "store", cards=cards)
    assert str(cards) in refused.value.message
    assert "CNRM, libIGCM" in refused.value.hint
    assert not (tmp_path / "store").exists()


def test_a_card_by_name_is_refused_where_several_runs_have_that_name(plant, tmp_path):
    name = "IPSLCM6/PROD/{}/J1/ATM/Output/MO/J1_20000101_20001231_1M_histmth.nc"
    top = plant([name.format("historical"), name.format("piControl")], root="twice")
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "j.yaml").write_text("simulation: J1\ntitle: Whose?\n")
    report = build_catalog("libIGCM", top, store=tmp_path / "store", cards=cards)
    ((shown, reason),) = report.unreadable
    assert shown == "J1"
    assert "IPSLCM6/PROD/historical/J1, IPSLCM6/PROD/piControl/J1" in reason
    table = open_catalog("libIGCM", store=tmp_path / "store").simulations()
    assert table.select("simulation", "experiment", "card", "title").rows() == [
        ("J1", "historical", "uncarded", None),
        ("J1", "piControl", "uncarded", None),
    ]


def test_an_embargo_is_told_until_its_day(runs, tmp_path, capsys):
    card = next(runs.rglob("T0/simulation.yaml"))
    card.write_text(card.read_text() + "embargo: 2999-01-31\n")
    over = next(runs.rglob("T1/simulation.yaml"))
    over.write_text(over.read_text() + "embargo: 2001-01-31\n")
    store = tmp_path / "store"
    build_catalog("libIGCM", runs, store=store)
    view = CatalogView.open("libIGCM", store)
    ((key, _, _),) = embargoes(view)
    assert ".T0." in key
    assert len(embargoes(view, date(2000, 1, 1))) == 2
    assert embargoes(view, date(2999, 1, 31)) == {}
    assert front.run(["catalog", "search", "libIGCM", "--store", str(store)]) == 0
    told = [each for each in capsys.readouterr().out.splitlines() if "embargo" in each]
    assert len(told) == 1
    assert told[0].startswith(key)
    assert told[0].endswith("embargo until 2999-01-31")
    assert front.run(["catalog", "search", "variable=tas", "--store", str(store)]) == 0
    everywhere = [each for each in capsys.readouterr().out.splitlines() if "embargo" in each]
    assert [each.split()[0] for each in everywhere] == [key]
    for what in ("libIGCM", "variable=tas"):
        assert front.run(["catalog", "search", what, "--store", str(store), "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["datasets"]
        until = {row["dataset"]: row["embargo"] for row in rows}
        assert len(until) == 5
        assert until.pop(key) == "2999-01-31"
        assert set(until.values()) == {None}
    notes = {each.key: each.notes for each in files_to_open(view, recall=False)}
    assert notes[key] == ("its card says that it is under embargo until 2999-01-31",)
    assert sum(map(len, notes.values())) == 1


def test_a_column_that_says_nothing_is_told_so(built):
    with pytest.raises(UnknownValue) as refused:
        open_catalog("libIGCM", store=built).search(version="v1")
    assert refused.value.hint == "No dataset of it has a version."


def test_roots_keep_their_cards_beside_one_another(built, plant, tmp_path):
    other = plant([FILE.format(job="Z9")], root="other")
    (other / "IPSLCM6/PROD/clim/Z9/simulation.yaml").write_text(
        "title: z\nparameters: {alpha: 2}\n"
    )
    build_catalog("libIGCM", other, store=built, root_id="other")
    view = CatalogView.open("libIGCM", built)
    assert view.family.parameters == ["alpha", "tau"]
    assert view.search(parameter={"alpha": 2}).values("job_name") == ["Z9"]
    assert view.search(parameter={"tau": 0.2}).values("job_name") == ["T1"]
    assert {each.root for each in stored_cards(view.snapshot, "libIGCM")} == {"mine", "other"}
    # building a root again replaces its cards only
    (other / "IPSLCM6/PROD/clim/Z9/simulation.yaml").unlink()
    build_catalog("libIGCM", other, store=built, root_id="other")
    view = CatalogView.open("libIGCM", built)
    assert view.family.parameters == ["tau"]
    assert view.search(job_name="Z9").facets("card") == {"card": {"uncarded": 1}}


def test_rows_of_a_store_from_before_cards_are_uncarded(built, plant):
    snapshot = open_snapshot(built)
    folder = snapshot.folder / "libIGCM"
    for table in ("files", "datasets"):
        frame = pl.read_parquet(folder / f"{table}.parquet")
        old = [name for name in frame.columns if name not in load_family("libIGCM").card_facets]
        frame.select(each for each in old if not each.startswith("params.")).write_parquet(
            folder / f"{table}.parquet"
        )
    (folder / "cards.json").unlink()
    build_catalog("libIGCM", plant([FILE.format(job="N1")], root="new"), store=built, root_id="n")
    view = CatalogView.open("libIGCM", built)
    assert view.facets("card", "model") == {"card": {"uncarded": 6}, "model": {"IPSLCM6": 6}}


def test_damaged_cards_are_told_and_mended_by_the_next_build(built, runs):
    path = open_snapshot(built).folder / "libIGCM" / "cards.json"
    path.write_text("{")
    with pytest.raises(StoreDamaged, match=r"cards\.json"):
        open_catalog("libIGCM", store=built).simulations()
    build_catalog("libIGCM", runs, store=built, root_id="mine")
    assert open_catalog("libIGCM", store=built).simulations().height == 5
    assert json.loads((open_snapshot(built).folder / "libIGCM" / "cards.json").read_text())


def test_a_family_of_ones_own_may_have_cards(plant, tmp_path):
    text = """
family: Oasis
title: Ocean runs of my group
variable: variable
directories: [<run>/<frequency>]
files: ["<variable>_<run>_<time_range>.nc"]
dataset: [run, frequency, variable]
optional: [version]
patterns: {run: '[A-Z]+', frequency: 'mon|day', variable: '[a-z0-9]+'}
cards: true
common: {experiment: run, simulation: run}
"""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    root = plant(["A/mon/sst_A_2000-2001.nc", "B/mon/sst_B_2000-2001.nc"], root="runs")
    (root / "A" / "simulation.yaml").write_text("title: a\nconfiguration: LES\n")
    build_catalog(path, root, store=tmp_path / "store")
    view = CatalogView.open("Oasis", tmp_path / "store")
    assert view.search(configuration="LES", experiment="A").keys == ["A.mon.sst"]
    assert view.search(card="uncarded").keys == ["B.mon.sst"]
    path.write_text(text.replace("run", "model").replace("experiment: model", "experiment: model"))
    with pytest.raises(UnknownFamily, match="model must be another word"):
        load_family(path)


def test_the_pure_join_keeps_rows_and_order():
    family = load_family("CNRM").model_copy()
    rows = [{"expid": name, "path": f"{name}/A/x{n}.nc"} for n, name in enumerate("BAB")]
    files = pl.DataFrame(rows, schema=files_schema(family))
    cards = [FoundCard(root="r", folder="B", card=SimulationCard(title="b", model="M"))]
    told = apply_cards(files, family, cards)
    assert told.columns == files.columns
    assert told["path"].to_list() == files["path"].to_list()
    assert told["model"].to_list() == ["M", None, "M"]
    assert told["card"].to_list() == ["carded", "uncarded", "carded"]
    cmip = load_family("CMIP6")
    assert completed(pl.DataFrame(schema=files_schema(cmip)), cmip).columns == list(
        files_schema(cmip)
    )
    assert find_cards(cmip, None, "r", pl.DataFrame({"path": ["a/b.nc"]})).cards == []


def test_cards_stay_where_nobody_could_look_this_time(built):
    snapshot = open_snapshot(built)
    table = snapshot.scan("libIGCM", "files")
    jobs = table.select("job_name").collect()["job_name"]
    late = jobs.is_in(["T1", "T3"])
    card = next(each for each in snapshot.card.roots if each.family == "libIGCM")
    family = load_family("libIGCM")
    renewal = Renewal(
        family,
        card,
        pl.DataFrame(schema=files_schema(family)),
        pl.DataFrame(schema=REJECTED),
        table=table,
        kept=(~late).arg_true(),
        carried=late.arg_true(),
        since="2026-01-01",
        cards=[e for e in stored_cards(snapshot, "libIGCM") if e.folder.endswith("/T0")],
    )
    (tables,), _ = assemble(snapshot, [renewal])
    told = {row["job_name"]: row for rows in tables.parts for row in rows.to_dicts()}
    assert tables.family.parameters == ["tau"]
    assert not tables.same
    # T1 and T3 were not looked at; T2 was, and its card is gone
    assert [told[f"T{n}"]["card"] for n in range(5)] == [
        *("carded", "carded", "uncarded", "uncarded", "uncarded")
    ]
    assert [told[f"T{n}"]["stale"] for n in range(4)] == [None, "2026-01-01", None, "2026-01-01"]
    assert told["T1"]["params.tau"] == "0.2"
    assert told["T3"]["calendar"] == "noleap"
    folders = [each.folder.rpartition("/")[2] for each in cards_for([renewal], snapshot)[1]["mine"]]
    assert folders == ["T0", "T1", "T3"]
    assert cards_of(tables.beside["cards.json"]) == cards_for([renewal], snapshot)[1]["mine"]
