"""The page of a night: right numbers first, and harmless whatever files are called."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.catalog.night import NightReport, RootNight
from climeri_platform.catalog.page import TEMPLATE, complete_report, night_page, printable
from climeri_platform.catalog.refresh import refresh
from climeri_platform.core.sizes import size_text

CHROMIUM = Path("/usr/bin/chromium")


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its text, its cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.rows, self.inside = [], [], [], [], []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"th", "td"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" in self.inside:
            return
        self.words.append(data)
        if self.rows and {"th", "td"} & set(self.inside):
            self.rows[-1][-1] += data.strip()


def a_night(**more):
    root = RootNight(
        "bdd", "CMIP6", "/bdd/CMIP6", catalogued=12000, size=3_400_000_000_000, new=3, rejected=2
    )
    root.reasons, root.examples = {"name": 2}, {"name": "x.nc: the name does not follow"}
    report = NightReport("ipsl", "/srv/store", "20260102T020000Z", "20260101T020000Z")
    report.began, report.seconds, report.roots = "2026-01-02T01:00:00+00:00", 3720.0, [root]
    for name, value in more.items():
        setattr(report, name, value)
    return report.as_dict()


def a_root(state, **more):
    return RootNight("lost", "CMIP5", "/bdd/CMIP5", state=state, **more)


def test_a_good_night_says_so_first():
    page = Page(night_page(a_night()))
    assert "✓ Published Readers have the snapshot 20260102T020000Z" in page.text
    assert "since Friday 2 January 2026, 02:02 UTC; before it: 20260101T020000Z" in page.text
    assert "files catalogued 12,000" in page.text
    row = next(row for row in page.rows if row[:1] == ["bdd"])
    assert row[:6] == ["bdd", "CMIP6", "walked", "12,000", "3.4 TB", "3"]
    assert row[6:11] == ["0", "0", "0", "2", "0.0 s"]
    assert "1 h 02 min" in page.text


def test_what_is_as_it_was_is_told_before_all_numbers():
    problem = "the root /bdd/CMIP5 has not answered for 60 s"
    roots = [
        a_root("carried forward", stale="2025-12-24", reason=problem, catalogued=7, carried=7),
        a_root("unfinished", pending=1200),
        a_root("not its hour"),
    ]
    page = Page(night_page(a_night(roots=roots)))
    head = page.text.partition("In numbers")[0]
    assert "! Published, 1 root as before (exit code 12)" in head
    assert f"lost (CMIP5) : carried forward as it was, since 2025-12-24: {problem}" in head
    assert "1,200 directories left for the next night" in head
    assert "outside its window" in head
    assert "--accept-loss ROOT" in head
    row = next(row for row in page.rows if "not its hour" in row)
    assert "not looked at, as it was" in row, "a zero would say that the root is empty"


def test_a_root_that_never_was_there_is_not_called_old():
    page = Page(night_page(a_night(roots=[a_root("carried forward", reason="no such family")])))
    assert "not in the catalog, and never was: no such family" in page.text
    assert "since None" not in page.text


def test_a_failed_night_says_why_and_what_readers_have():
    failed = {
        "site": "ipsl",
        "store": "/srv/store",
        "snapshot": "",
        "previous": "20260101T020000Z",
        "began": "2026-01-02T01:00:00+00:00",
        "seconds": 3.0,
        "failure": {"exit_code": 5, "message": "the disk <is> full", "hint": "Make room."},
    }
    page = Page(night_page(failed))
    assert "✕ Failed, exit code 5 the disk <is> full Make room." in page.text
    assert "Readers have the snapshot 20260101T020000Z" in page.text
    assert "In numbers" not in page.text
    assert "Nothing is published" in Page(night_page({**failed, "previous": None})).text


def test_sums_and_what_could_be_freed():
    models = [
        {"family": "CMIP6", "institution": "IPSL", "model": "A", "size": 1000, "files": 1},
        {"family": "CMIP6", "institution": "CNRM", "model": "B", "size": 5000, "files": 2},
        {"family": "CMIP6", "institution": "IPSL", "model": "C", "size": 9000, "files": 4},
    ]
    twice = [{"dataset": "d", "version": None, "roots": ["a", "b"], "size": 2500}] * 30
    page = Page(night_page(a_night(bytes_by_model=models, duplicated=twice)))
    assert ["IPSL", "CMIP6", "2", "5", "10.0 kB"] in page.rows
    assert ["All 2", "7", "15.0 kB"] in page.rows
    assert ["All 3", "7", "15.0 kB"] in page.rows
    assert page.text.index("IPSL") < page.text.index("CNRM")
    assert "30 datasets with the same files, in the same version, at several roots" in page.text
    assert f"would free {size_text(75000)}" in page.text
    assert page.rows.count(["d", "none", "a, b", "2.5 kB"]) == 20
    assert "The 20 largest" in page.text


def test_lists_are_cut_with_the_full_number():
    change = {
        "family": "CMIP6",
        "numbers": {"added": 5000, "gone": 0, "changed": 0, "moved": 1, "re_versioned": 1},
        "added": [f"bdd:{n}.nc" for n in range(1000)],
        "moved": [("bdd:old.nc", "bdd:new.nc")],
        "re_versioned": [("CMIP.x", "v1", "v2")],
    }
    page = Page(night_page(a_night(changes=[change])))
    assert "5,000 files new" in page.text
    assert "and 4,980 more" in page.text
    assert "bdd:20.nc" not in page.text
    assert "bdd:old.nc → bdd:new.nc" in page.text
    assert "1 dataset with another newest version" in page.text


def test_what_headers_say_is_told():
    root = a_root("walked", headers=5, headers_left=6, headers_problem="the extra is missing")
    root.contradictions = [("a.nc", "the header says 360_day")] * 1000
    root.headers_failed = [("b.nc", "truncated")]
    page = Page(night_page(a_night(roots=[root])))
    head, _, below = page.text.partition("In numbers")
    assert "lost (CMIP5) : no header was read: the extra is missing" in head
    assert "the headers of 1 file could not be read" in head
    assert "the headers of at least 1,000 files contradict their names" in head
    assert (
        "5 headers read, 6 left for later, 1 not readable, at least 1,000 that contradict the name"
        in below
    )
    assert "b.nc: truncated" in below
    assert below.count("a.nc: the header says 360_day") == 20
    assert "and at least 980 more" in below


def test_numbers_are_those_of_the_night_and_not_of_the_lists():
    root = a_root("walked", headers=5, unreadable_count=3000)
    root.unreadable = [("u.nc", "Permission denied")] * 1000
    root.contradictions, root.contradictions_count = [("a.nc", "no")] * 1000, 4000
    root.headers_failed, root.headers_failed_count = [("b.nc", "cut")] * 1000, 5000
    twice = [{"dataset": "d", "version": "v1", "roots": ["a", "b"], "size": 5}] * 1000
    night = a_night(roots=[root, root], duplicated=twice)
    night |= {"duplicated_count": 6000, "duplicated_size": 7000}
    page = Page(night_page(night))
    head, _, below = page.text.partition("In numbers")
    assert "6,000 paths could not be read" in head
    assert "the headers of 10,000 files could not be read" in head
    assert "the headers of 8,000 files contradict their names" in head
    assert "at least" not in page.text
    assert "paths unreadable 6,000" in below
    assert "5,000 not readable, 4,000 that contradict the name" in below
    for more in ("2,980", "3,980", "4,980"):
        assert below.count(f"and {more} more, the first of them in the JSON") == 2
    assert "6,000 datasets with the same files" in below
    assert "would free 7.0 kB" in below
    assert "The 20 largest" in below


def test_a_size_that_nobody_knows_frees_nothing():
    twice = [{"dataset": "d", "version": None, "roots": ["a", "b"], "size": None}]
    page = Page(night_page(a_night(duplicated=twice)))
    assert ["d", "none", "a, b", "0 B"] in page.rows
    assert "would free 0 B" in page.text


def test_a_root_that_a_later_walk_has_is_no_problem():
    night = a_night(roots=[a_root("overtaken")])
    page = Page(night_page(night))
    assert night["problems"] == []
    head = page.text.partition("In numbers")[0]
    assert "✓ Published" in head
    assert "lost (CMIP5) : a later walk was published while this one ran" in head
    row = next(row for row in page.rows if row[:1] == ["lost"])
    assert row[2:4] == ["overtaken", "as a later walk has it, which was published meanwhile"]


def test_a_root_that_no_source_declares_is_a_problem_and_keeps_its_numbers():
    left = a_root("no longer declared", stale="2025-12-24", catalogued=7)
    night = a_night(roots=[left])
    assert night["problems"] == ["lost (CMIP5): no source of its site declares it any longer"]
    page = Page(night_page(night))
    head = page.text.partition("In numbers")[0]
    assert "! Published, 1 root as before (exit code 12)" in head
    assert "declares it any longer; its rows stay, as of 2025-12-24" in head
    assert "--accept-loss" not in head, "nothing was lost"
    row = next(row for row in page.rows if row[:1] == ["lost"])
    assert row[2:4] == ["as of 2025-12-24", "7"]
    left.reason = "its source was taken out"
    assert a_night(roots=[left])["problems"] == ["lost (CMIP5): its source was taken out"]


def test_a_report_of_an_older_version_has_a_page():
    page = Page(night_page({"site": "x", "snapshot": "20260101T020000Z", "roots": [{"root_id": "a"}]}))  # fmt: skip
    assert "✓ Published" in page.text
    assert ["a", "", "walked"] in [row[:3] for row in page.rows]


# surrogates too: names that are not UTF-8, as Python hands them on
any_text = st.text(st.characters(exclude_categories=()), min_size=1, max_size=30)
evil = st.sampled_from(
    ["</td><script>alert(1)</script>", "<img src=x onerror=y>", "&lt;b&gt;", "{{ 7*7 }}", "'\"><b"]
)


@given(st.lists(any_text | evil, min_size=9, max_size=9))
def test_no_name_of_a_file_becomes_more_than_text(names):
    path, reason, code, model, dataset, root, added, problem, version = names
    told = RootNight(root, code, path, reason=problem, state="carried forward", stale=version)
    told.reasons, told.examples = {code: 1}, {code: path}
    told.rejected, told.unreadable, told.headers_failed = 1, [(path, reason)], [(path, reason)]
    change = {"family": code, "added": [added], "moved": [(path, added)], "re_versioned": [names[:3]]}  # fmt: skip
    report = a_night(
        roots=[told],
        changes=[change],
        duplicated=[{"dataset": dataset, "version": version, "roots": [root], "size": 1}],
        bytes_by_model=[
            {"family": code, "institution": root, "model": model, "size": 1, "files": 1}
        ],
    )
    # through JSON, as the reports of a store go
    text = night_page(json.loads(json.dumps(report)))
    text.encode("utf-8")
    page = Page(text)
    known = set(re.findall(r"<([a-z0-9]+)", TEMPLATE.read_text()))
    assert set(page.tags) <= known
    assert not any(
        name.startswith("on") or name in {"src", "srcdoc"} for name, _ in page.attributes
    )
    assert {value for name, value in page.attributes if name == "href"} <= {
        "#unreadable",
        "#headers",
    }
    for name in (path, reason, model, dataset, added, problem):
        assert " ".join(printable(name).split()) in page.text


@given(any_text)
def test_what_is_printed_prints_and_says_all(text):
    shown = printable(text)
    assert shown.isprintable()
    assert text != shown or text.isprintable()


def test_a_real_night_with_real_bad_names(tmp_path, plant, tas):
    top = plant([tas(), tas("ssp585"), "a/<script>alert(1)<b>.nc", "a/\x1b[31m\n\u202ered.nc"])
    (top / os.fsdecode(b"caf\xe9.nc")).symlink_to("nowhere")
    (tmp_path / "sources").mkdir()
    source = {"root": "here", "path": str(top), "family": "CMIP6"}
    (tmp_path / "sources/a.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    report = refresh(store=tmp_path / "store", sources=tmp_path / "sources")
    folder = tmp_path / "store/reports"
    page = Page((folder / f"{report.snapshot}.html").read_text())
    assert "script" not in page.tags
    assert r"caf\xe9.nc: dangling link" in page.text
    assert "This is the first snapshot" in page.text
    assert "files rejected 2" in page.text
    # the page is made from the JSON alone
    assert (
        night_page(json.loads((folder / "latest.json").read_text()))
        == (folder / "latest.html").read_text()
    )
    (top / tas("ssp585")).unlink()
    refresh(store=tmp_path / "store", sources=tmp_path / "sources", accept_loss=["here"])
    page = Page((folder / "latest.html").read_text())
    assert f"here:{tas('ssp585')}" in page.text
    assert "1 file gone" in page.text


def test_it_asks_nothing_of_a_network_and_runs_nothing():
    text = night_page(a_night())
    page = Page(text)
    assert {"script", "link", "img", "iframe", "object", "form"}.isdisjoint(page.tags)
    assert "url(" not in text
    assert "@import" not in text
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert ("lang", "en") in page.attributes
    assert page.attributes.count(("scope", "row")) >= 2
    assert "caption" in page.tags
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {v for n, v in page.attributes if n == "aria-labelledby"} <= set(ids)


@pytest.fixture
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="the package playwright is wanted")
    if not CHROMIUM.exists():
        pytest.skip(f"Debian's chromium is wanted: {CHROMIUM}")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def wide(tmp_path):
    """A page with paths and reasons that are long."""
    change = {"family": "CMIP6", "added": ["bdd:" + "very/long" * 40]}
    lost = a_root("carried forward", stale="2025-12-24", reason="long" * 80, carried=12_345_678)
    lost.mount, lost.catalogued = "/gpfsstore/rech/psl/commun/CMIP5/main", 12_345_678
    file = tmp_path / "page.html"
    file.write_text(night_page(a_night(roots=[lost, lost], changes=[change])))
    return file


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read(scheme, browser, wide):
    page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme=scheme)
    told = []
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: told.append(request.url))
    page.goto(wide.as_uri())
    assert told == [wide.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 30
    assert min(contrasts) >= 4.5  # WCAG AA


@pytest.mark.browser
def test_it_fits_a_sheet_of_paper(browser, wide):
    # A4 less the margins of a printer, in CSS pixels
    page = browser.new_page(viewport={"width": 718, "height": 1047}, color_scheme="dark")
    page.goto(wide.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    widths = page.evaluate("[...document.querySelectorAll('.wide')].map(e => e.scrollWidth)")
    assert widths
    assert max(widths) <= 718
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    contrasts = page.evaluate(CONTRASTS)
    assert min(contrasts) >= 4.5


CONTRASTS = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
      .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.body.querySelectorAll("*")]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(e => {
      const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    });
}"""


def test_nothing_is_lost_on_the_way_to_the_page():
    report = a_night()
    assert complete_report(report) == {**report, "failure": None}
