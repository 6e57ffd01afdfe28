"""``climeri catalog report``, and what a refresh leaves behind however it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from climeri_platform.cli import front
from climeri_platform.core.errors import ClimeriError

TAS = (
    "CMIP/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/tas/gr/v20180803/"
    "tas_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_185001-201412.nc"
)


@pytest.fixture
def site(tmp_path):
    """Two roots and the sources that name them."""
    for root in ("one", "two"):
        path = tmp_path / root / "CMIP6" / TAS.format(exp="historical")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 1500)
    (tmp_path / "one/CMIP6/<b>stray\x1b[31m.nc").write_bytes(b"x")
    (tmp_path / "sources").mkdir()
    roots = [
        {"root": root, "path": str(tmp_path / root), "family": "CMIP6"} for root in ("one", "two")
    ]
    (tmp_path / "sources/all.yaml").write_text(yaml.safe_dump({"sources": roots}))
    return tmp_path


@pytest.fixture
def run(capsys, site, monkeypatch):
    """Run `climeri catalog ...` in this process; returns code, stdout, stderr."""
    monkeypatch.setenv("CLIMERI_STORE", str(site / "store"))

    def run(*words):
        code = front.run(["catalog", *map(str, words)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


@pytest.fixture
def refresh(run, site):
    def refresh(*words):
        return run(
            "refresh", "--sources", site / "sources", "--metrics", site / "climeri.prom", *words
        )

    return refresh


def value(site, name, **labels):
    inside = "".join(rf'(?=[^}}]*\b{key}="{each}")' for key, each in labels.items())
    text = (site / "climeri.prom").read_text()
    found = re.search(rf"^climeri_{name}\{{{inside}[^}}]*\}} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


def test_a_night_and_its_report(refresh, run, site):
    began = time.time()
    assert refresh()[0] == 0
    assert value(site, "refresh_exit_code") == 0
    assert value(site, "root_files", root="one") == 1
    assert value(site, "root_rejected_files", root="one", code="directory") == 1
    assert began - 1 < value(site, "refresh_last_success_timestamp_seconds") < time.time() + 1
    code, out, err = run("report")
    assert (code, err) == (0, "")
    assert "published 2" in out
    assert "before it nothing" in out
    assert "  1 file, 1.5 kB, 1 dataset; 1 new, 0 changed, 0 gone, 0 kept unseen" in out
    assert r"rejected, directory: 1, such as CMIP6/<b>stray\x1b[31m.nc" in out
    assert "1 dataset at several roots; one copy of each file less: 1.5 kB" in out
    assert "\x1b" not in out
    told = json.loads(run("report", "--json")[1])
    assert run("report", told["snapshot"])[1] == out
    code, out, _ = run("report", "--html", site / "page.html")
    assert (code, out) == (0, "")
    assert (site / "page.html").read_text() == (site / "store/reports/latest.html").read_text()


def test_stores_without_a_size_at_two_roots_have_a_report(refresh, run, site):
    for root in ("one", "two"):
        file = site / root / "CMIP6" / TAS.format(exp="historical")
        file.unlink()
        file.with_suffix(".zarr").mkdir()
    assert refresh()[0] == 0
    code, out, err = run("report")
    assert (code, err) == (0, "")
    assert "1 dataset at several roots; one copy of each file less: 0 B" in out
    assert value(site, "refresh_duplicated_datasets") == 1
    assert value(site, "refresh_duplicated_bytes") == 0
    assert "1 dataset with the same files" in (site / "store/reports/latest.html").read_text()


def written(site, **more):
    """Put a report where the last night's is, with other values."""
    for file in (site / "store/reports").glob("2*.json"):
        told = json.loads(file.read_text())
        told["roots"][0] |= more.pop("root", {})
        file.write_text(json.dumps({**told, **more}))


def test_numbers_are_those_of_the_night_and_not_of_the_lists(refresh, run, site):
    refresh()
    named = [["a.nc", "no"]] * 1000
    lists = {"unreadable": named, "headers_failed": named, "contradictions": named}
    counts = dict.fromkeys((f"{kind}_count" for kind in lists), 7654)
    written(site, root=lists | counts, duplicated_count=4321, duplicated_size=10**12)
    out = run("report")[1]
    assert out.count("  and 7,644 more; --json prints 1,000 of them") == 3
    assert "4,321 datasets at several roots; one copy of each file less: 1.0 TB" in out


def test_a_report_of_an_older_version_is_printed(refresh, run, site):
    refresh()
    named = [["a.nc", "no"]] * 1000
    twice = [{"dataset": "d", "version": None, "roots": ["a", "b"], "size": None}] * 1000
    written(site, root={"unreadable": named, "headers_failed": named[:12]}, duplicated=twice)
    for file in (site / "store/reports").glob("2*.json"):
        told = json.loads(file.read_text())
        for key in [each for each in told if each.startswith("duplicated_")]:
            del told[key]
        for root in told["roots"]:
            for key in [each for each in root if each.endswith("_count")]:
                del root[key]
        file.write_text(json.dumps(told))
    code, out, err = run("report")
    assert (code, err) == (0, "")
    assert "  and at least 990 more; --json prints all" in out
    assert "  and 2 more; --json prints all" in out
    assert "at least 1,000 datasets at several roots; one copy of each file less: 0 B" in out
    assert run("report", "--html", site / "page.html")[0] == 0


def test_roots_that_others_have_now_are_told(refresh, run, site):
    refresh()
    written(site, root={"state": "overtaken"})
    out = run("report")[1]
    assert "one (CMIP6), " in out
    assert ": overtaken\n  as a later walk has it, which was published meanwhile\n" in out
    assert "as it was" not in out
    problem = "one (CMIP6): no source of its site declares it any longer"
    written(site, root={"state": "no longer declared", "stale": "2025-12-24"}, problems=[problem])
    out = run("report")[1]
    assert f"as it was: {problem}" in out
    assert ": no longer declared since 2025-12-24\n  1 file, " in out


def test_a_lost_root_is_published_told_and_counted(refresh, run, site):
    refresh()
    shutil.move(site / "two", site / "away")
    code, _, err = refresh()
    assert code == 12
    assert "carried forward" in err
    assert value(site, "refresh_exit_code") == 12
    assert value(site, "root_stale", root="two") == 1
    assert value(site, "root_files", root="two") == 1
    assert value(site, "root_stale", root="one") == 0
    out = run("report")[1]
    assert "as it was: two (CMIP6)" in out
    assert "carried forward since 2" in out
    shutil.move(site / "away", site / "two")
    assert refresh()[0] == 0
    assert value(site, "root_stale", root="two") == 0


def test_a_failure_keeps_the_last_numbers_and_says_so(refresh, run, site):
    refresh()
    success = value(site, "refresh_last_success_timestamp_seconds")
    last = json.loads(run("report", "--json")[1])["snapshot"]
    (site / "sources/all.yaml").write_text("sources: 3")
    assert refresh()[0] == 2
    assert value(site, "refresh_exit_code") == 2
    assert value(site, "root_files", root="two") == 1
    assert value(site, "refresh_last_success_timestamp_seconds") == success
    assert value(site, "refresh_last_run_timestamp_seconds") >= success - 1
    _, out, _ = run("report")
    assert "failed, exit code 2: the file of sources" in out
    assert f"readers have {last}" in out
    assert "Failed, exit code 2" in (site / "store/reports/latest.html").read_text()


def test_another_name_of_a_site_is_the_same_site(refresh, site, monkeypatch):
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", str(site / "centre"))
    assert refresh("--site", "testcentre")[0] == 0
    assert (
        'climeri_refresh_exit_code{site="test-centre"} 0.0' in (site / "climeri.prom").read_text()
    )
    (site / "sources/all.yaml").write_text("sources: 3")
    assert refresh("--site", "nowhere")[0] == 2
    assert 'climeri_refresh_exit_code{site="nowhere"} 2.0' in (site / "climeri.prom").read_text()


def test_a_refresh_that_is_refused_leaves_the_report_to_the_one_that_runs(refresh, run, site):
    refresh()
    from climeri_platform.catalog.lock import holding

    with holding(site / "store", "refreshing", purpose="a test"):
        assert refresh()[0] == 5
    assert value(site, "refresh_exit_code") == 0
    assert "failed" not in run("report")[1]


def test_a_defect_of_ours_is_told_too(refresh, run, site, monkeypatch):
    refresh()

    def broken(*_args, **_options):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("climeri_platform.catalog.refresh.refresh", broken)
    assert refresh()[0] == front.INTERNAL
    assert value(site, "refresh_exit_code") == front.INTERNAL
    assert "failed, exit code 70: a defect" in run("report")[1]


def test_a_folder_of_somebody_else_gets_no_report(refresh, site):
    (site / "store").mkdir()
    (site / "store/thesis.tex").write_text("mine")
    assert refresh()[0] == 5
    assert [each.name for each in (site / "store").iterdir()] == ["thesis.tex"]
    assert value(site, "refresh_exit_code") == 5


def test_metrics_that_cannot_be_written_are_no_silent_success(run, site):
    words = ("refresh", "--sources", site / "sources", "--metrics", site / "nowhere/climeri.prom")
    code, _, err = run(*words)
    assert code == ClimeriError.exit_code
    assert "the metrics cannot be written" in err
    assert "published" in run("report")[1], "the catalog is there all the same"


def test_a_failure_is_not_hidden_by_another(run, site, caplog):
    (site / "sources/all.yaml").write_text("sources: 3")
    code, _, err = run(
        "refresh", "--sources", site / "sources", "--metrics", site / "nowhere/climeri.prom"
    )
    assert code == 2
    assert "sources: it wants a list, and is 3" in err
    assert any("the metrics cannot be written" in each for each in caplog.messages)


def test_a_metrics_file_that_nobody_would_read_is_refused_before_the_night(run, site):
    code, _, err = run("refresh", "--sources", site / "sources", "--metrics", site / "climeri.txt")
    assert code == 2
    assert ".prom" in err
    assert not (site / "store").exists()


def test_a_damaged_last_report_does_not_stop_the_metrics(refresh, site, caplog):
    refresh()
    for each in (site / "store/reports").glob("2*.json"):
        each.write_text("{")
    (site / "sources/all.yaml").write_text("sources: 3")
    assert refresh()[0] == 2
    assert value(site, "refresh_exit_code") == 2
    assert any("the metrics say nothing of the roots" in each for each in caplog.messages)


def test_reports_that_are_not_there(run, refresh, site):
    assert run("report")[0] == 5
    refresh()
    code, _, err = run("report", "20200101T000000Z")
    assert code == 2
    assert "Did you mean" in err
    code, _, err = run("report", "--html", site / "nowhere/page.html")
    assert code == 1
    assert "cannot be written" in err


def test_the_library_of_metrics_is_not_loaded_without_the_option(site):
    script = (
        "import sys; from climeri_platform.cli import front; "
        "code = front.run(['catalog', 'refresh', '--sources', sys.argv[1], '--store', sys.argv[2]]); "
        "sys.exit(code or 'prometheus_client' in sys.modules)"
    )
    words = [sys.executable, "-c", script, str(site / "sources"), str(site / "store")]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 0


def test_a_refresh_that_is_told_to_stop_says_so(site):
    """As systemd stops it: SIGINT to all of its processes, here while a root does not answer."""
    hang = "import os, time\n_s = os.scandir\ndef scandir(p='.'):\n    time.sleep(600 * str(p).startswith(os.environ['HANG']))\n    return _s(p)\nos.scandir = scandir\n"
    (site / "faults").mkdir()
    (site / "faults/sitecustomize.py").write_text(hang)
    paths = [str(site / "faults"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "HANG": str(site / "two"), "PYTHONPATH": os.pathsep.join(paths)}
    words = [
        sys.executable, "-c", "from climeri_platform.cli import main; main()", "catalog", "refresh",
        "--sources", site / "sources", "--store", site / "store", "--metrics", site / "climeri.prom",
    ]  # fmt: skip
    with subprocess.Popen(
        list(map(str, words)), env=environment, start_new_session=True, stderr=subprocess.PIPE
    ) as night:
        until = time.monotonic() + 30
        while not list((site / "store").glob(".refresh/two-*/job.json")):
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(1.0)
        os.killpg(night.pid, signal.SIGINT)
        _, err = night.communicate(timeout=30)
    assert night.returncode == front.INTERRUPTED, err
    assert value(site, "refresh_exit_code") == front.INTERRUPTED
    assert value(site, "root_files", root="one") is None
    (told,) = (site / "store/reports").glob("failed-*.json")
    assert json.loads(told.read_text())["failure"]["message"] == "interrupted"
