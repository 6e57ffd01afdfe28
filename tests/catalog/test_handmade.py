"""Lists of runs that are kept by hand: what becomes of each run."""

from __future__ import annotations

import json

import pytest

from climeri_platform import open_catalog
from climeri_platform.catalog import open_snapshot
from climeri_platform.catalog.handmade import card_of, import_runs
from climeri_platform.cli import front
from climeri_platform.core.errors import RootUnusable, UsageError

FILE = "{tag}/PROD/{exp}/{job}/ATM/Output/MO/{job}_20000101_20001231_1M_histmth.nc"
LINE = {"Line": {"color": "blue"}, "DatePattern": "[2-7]??00101", "Shading": [0.5, 0.5, 0.5]}
LIST = {
    "Description": "Runs of a paper",
    "Author": "Jeanne Dupont",
    "Institution": "IPSL/LSCE",
    "mailto": "jeanne@example.org",
    "HOL-01": {
        "JobName": "HOL-01",
        "TagName": "IPSLCM6",
        "SpaceName": "PROD",
        "ExperimentName": "Holocene",
        "ModelName": "IPSL CM6.2 LR",
        "ShortName": "S-01",
        "TGCC_User": "p01me",
        "TGCC_Group": "gen1",
        "YearBegin": 2000,
        "YearEnd": 7999,
        "CalendarType": "leap",
        "OCE": "eORCA1.2",
        "ATM": "LMD144x144",
        **LINE,
        "CalendarShift": {
            "YearBP": 6000,
            "YearModel": 2000,
            "ATM": {"YearBP": 6000, "YearModel": 2000},
            "OCE": {"YearBP": 3500, "YearModel": 2000},
        },
    },
    "PI-01": {
        "JobName": "PI-01",
        "TagName": "IPSLCM6",
        "SpaceName": "PROD",
        "ExperimentName": "piControl",
        "TGCC_User": "p02you",
        "CalendarType": "noleap",
        "LongName": "A control",
    },
    "gone": {
        "JobName": "gone",
        "TagName": "IPSLCM6",
        "SpaceName": "PROD",
        "ExperimentName": "piControl",
        "TGCC_User": "p02you",
    },
    "no-tag": {"JobName": "x", "SpaceName": "PROD", "ExperimentName": "e"},
    "escape": {
        "JobName": "..",
        "TagName": "../..",
        "SpaceName": "PROD",
        "ExperimentName": "e",
    },
    "shift": {
        "JobName": "s",
        "TagName": "t",
        "SpaceName": "PROD",
        "ExperimentName": "e",
        "CalendarShift": {"YearBP": "?"},
    },
    "number": 3,
}


@pytest.fixture
def planted(plant, tmp_path):
    """Two of the runs, with a third beside them that no list names; returns the list."""
    plant([FILE.format(tag="IPSLCM6", exp="Holocene", job="HOL-01")], root="store/p01me")
    plant([FILE.format(tag="IPSLCM6", exp="Holocene", job="OTHER")], root="store/p01me")
    top = plant(
        [FILE.format(tag="IPSLCM6", exp="piControl", job="PI-01")], root="store/p02you/IGCM_OUT"
    )
    (top / "IPSLCM6/PROD/piControl/PI-01/ATM/mesh.zarr").mkdir()
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(LIST))
    return path


@pytest.mark.parametrize("root", ["{TGCC_User}", ""])
def test_each_run_is_catalogued_or_told(planted, tmp_path, root):
    roots = [f"{tmp_path}/nowhere/{{TGCC_Group}}", f"{tmp_path}/store/{root}"]
    told, reports = import_runs(planted, roots, store=tmp_path / "own")
    said = {each.name: each for each in told}
    assert list(said) == [name for name, each in LIST.items() if not isinstance(each, str)]
    assert said["HOL-01"].files == 1
    assert said["HOL-01"].left == ["CalendarShift.OCE", "DatePattern", "Line", "Shading"]
    assert said["PI-01"].folder.endswith("p02you/IGCM_OUT/IPSLCM6/PROD/piControl/PI-01")
    assert "there is no IPSLCM6/PROD/piControl/gone below" in said["gone"].problem
    assert "no TagName" in said["no-tag"].problem
    assert "'../..' is no name" in said["escape"].problem
    assert "says no shift" in said["shift"].problem
    assert "it is no run: '3'" in said["number"].problem
    assert sum(report.catalogued for report in reports) == 2
    runs = open_catalog("libIGCM", store=tmp_path / "own")
    assert set(runs.facets("job_name")["job_name"]) == {"HOL-01", "PI-01"}
    table = {row["simulation"]: row for row in runs.simulations().to_dicts()}
    holocene = {
        "title": "S-01",
        "model": "IPSL CM6.2 LR",
        "institution": "IPSL/LSCE",
        "contact": "Jeanne Dupont <jeanne@example.org>",
        "calendar_shift": -6050,
        "resolution": "ATM LMD144x144, OCE eORCA1.2",
        "experiment": "Holocene",
        "description": "years 2000 to 7999; S-01",
        "card": "carded",
        "calendar": "standard",
    }
    assert table["HOL-01"] | holocene == table["HOL-01"]
    assert table["PI-01"]["title"] == "A control"
    assert len(runs.search(experiment="piControl")) == 1
    for path in runs.paths():
        assert path.startswith(str(tmp_path / "store"))


def test_runs_of_one_job_name_get_each_its_own_card(plant, tmp_path):
    runs = {}
    for name, calendar in (("historical", "leap"), ("piControl", "360d")):
        plant([FILE.format(tag="IPSLCM6", exp=name, job="J1")], root="store")
        runs[name] = {
            "JobName": "J1",
            "TagName": "IPSLCM6",
            "SpaceName": "PROD",
            "ExperimentName": name,
            "LongName": f"title of {name}",
            "ModelName": f"M-{name}",
            "CalendarType": calendar,
        }
    path = tmp_path / "runs.json"
    path.write_text(json.dumps(runs))
    told, _ = import_runs(path, [str(tmp_path / "store")], store=tmp_path / "own")
    assert [each.problem for each in told] == ["", ""]
    found = open_catalog("libIGCM", store=tmp_path / "own")
    table = found.simulations()
    assert table.select("simulation", "title", "model", "experiment", "datasets").rows() == [
        ("J1", f"title of {each}", f"M-{each}", each, 1) for each in runs
    ]
    assert table["run"].to_list() == [f"IPSLCM6/PROD/{each}/J1" for each in runs]
    assert dict(found.view.files("experiment", "calendar").rows()) == {
        "historical": "standard",
        "piControl": "360_day",
    }


def test_importing_again_replaces(planted, tmp_path):
    roots = [f"{tmp_path}/store/{{TGCC_User}}"]
    for _ in range(2):
        import_runs(planted, roots, store=tmp_path / "own")
        assert len(open_snapshot(tmp_path / "own").card.roots) == 2
    files = open_snapshot(tmp_path / "own").read("libIGCM", "files")
    assert files.height == 2
    assert set(files["calendar"]) == {"standard", "noleap"}
    mtime = (
        tmp_path / "store/p01me" / FILE.format(tag="IPSLCM6", exp="Holocene", job="HOL-01")
    ).stat()
    assert mtime.st_mtime_ns in files["mtime"].to_list()


def test_if_no_run_is_there_nothing_is_published(planted, tmp_path):
    with pytest.raises(RootUnusable, match="none of the 7 runs") as told:
        import_runs(planted, [str(tmp_path / "nowhere")], store=tmp_path / "own")
    assert "HOL-01: there is no IPSLCM6/PROD/Holocene/HOL-01 below" in told.value.message
    assert not (tmp_path / "own").exists()
    with pytest.raises(RootUnusable, match="all the fields that --root wants"):
        import_runs(planted, ["/{Nothing}"], store=tmp_path / "own")


@pytest.mark.parametrize(
    "text", ["", "{", "3", "{}", '{"Author": "me"}', "[]", b"\xff", "[" * 9999]
)
def test_a_file_that_is_no_list_is_told(tmp_path, text):
    path = tmp_path / "runs.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=r"runs\.json"):
        import_runs(path, ["/x"])
    with pytest.raises(UsageError, match="No such file"):
        import_runs(tmp_path / "none.json", ["/x"])


def test_a_list_without_names_is_one_too(planted, tmp_path):
    planted.write_text(json.dumps([LIST["HOL-01"], 7]))
    told, _ = import_runs(planted, [f"{tmp_path}/store"], store=tmp_path / "own")
    assert [(each.name, each.files) for each in told] == [("HOL-01", 1), ("number 2", 0)]


def test_a_shift_of_one_component_that_is_none_costs_that_run(planted, tmp_path):
    wrong = {**LIST["HOL-01"], "CalendarShift": {"YearBP": 1, "YearModel": 2, "OCE": {}}}
    planted.write_text(json.dumps({**LIST, "HOL-01": wrong}))
    told, _ = import_runs(planted, [f"{tmp_path}/store"], store=tmp_path / "own")
    assert (told[0].files, told[1].files) == (0, 2)
    assert "says no shift" in told[0].problem


def test_a_card_wants_nothing_but_a_name():
    assert card_of("run", {}, {}).title == "run"
    shift = {"Calendar_shift": {"All": {"YearBP": 6000, "YearModel": 2000}}}
    assert card_of("run", shift, {}).calendar_shift == -6050
    assert card_of("run", {"LongName": "", "JobName": "J"}, {}).title == "J"


def test_the_command_line_tells_run_by_run(planted, tmp_path, capsys):
    words = ["catalog", "import", str(planted), "--root", f"{tmp_path}/store/{{TGCC_User}}"]
    words += ["--store", str(tmp_path / "own")]
    assert front.run(words) == 0
    out = capsys.readouterr().out
    assert "HOL-01: 1 file, " in out
    assert "(not taken: CalendarShift.OCE, DatePattern, Line, Shading)" in out
    assert "no-tag: it has no TagName" in out
    assert front.run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["files"] for each in told["runs"]] == [
        1,
        2,
        0,
        0,
        0,
        0,
        0,
    ]  # with mesh.zarr, which is rejected
