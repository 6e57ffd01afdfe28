"""The curated notebooks are read, not written; what is made of them is one's own."""

from __future__ import annotations

import stat
from urllib.parse import quote

import pytest

from climeri_platform.core.errors import HubFailed
from climeri_platform.hub.curated import first_notebook, refresh_curated

FIRST = "curated/00-start-here/00-start-here.ipynb"
TEXT = {"type": "file", "format": "text", "content": "changed"}


@pytest.fixture
def contents(ada):
    def call(method, path, body=None):
        return ada.rest(method, f"api/contents/{quote(path)}", base="/user/ada/", body=body)

    return call


@pytest.mark.hub
def test_curated_files_are_shown_as_not_writable(contents):
    assert contents("GET", "").json["content"]
    shown = {each["name"]: each["writable"] for each in contents("GET", "").json["content"]}
    assert shown["curated"] is False
    assert contents("GET", "curated").json["writable"] is False
    answer = contents("GET", FIRST)
    assert answer.status == 200
    assert answer.json["writable"] is False


@pytest.mark.hub
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", FIRST, TEXT),
        ("PUT", "curated/new.txt", TEXT),
        ("PUT", "curated/folder", {"type": "directory"}),
        ("PUT", "curated/00-start-here/../00-start-here/new.txt", TEXT),
        ("PUT", "curated/upload.bin", {**TEXT, "chunk": 1}),
        ("POST", "curated", {"type": "notebook"}),
        ("POST", "curated", {"copy_from": FIRST}),
        ("POST", "curated", {"copy_from": "curated/01-next"}),
        ("PATCH", FIRST, {"path": "mine.ipynb"}),
        ("PATCH", "curated", {"path": "mine"}),
        ("DELETE", FIRST, None),
        ("DELETE", "curated/01-next", None),
        ("DELETE", "curated", None),
        ("POST", f"{FIRST}/checkpoints", None),
        ("POST", f"{FIRST}/checkpoints/checkpoint", None),
    ],
)
def test_a_change_is_refused_and_says_what_to_do(hub, notebooks, contents, method, path, body):
    answer = contents(method, path, body)
    assert answer.status == 403, answer.text
    assert "Save Notebook As" in answer.json["message"]
    copy = hub.state / "curated" / "00-start-here" / "00-start-here.ipynb"
    original = notebooks / "00-start-here" / "00-start-here.ipynb"
    assert copy.read_bytes() == original.read_bytes()
    names = [
        sorted(each.name for each in top.iterdir()) for top in (hub.state / "curated", notebooks)
    ]
    assert names[0] == names[1]


@pytest.mark.hub
def test_nothing_is_moved_into_the_curated_folder(contents):
    assert contents("PUT", "mine.txt", TEXT).status == 201
    assert contents("PATCH", "mine.txt", {"path": "curated/mine.txt"}).status == 403
    assert contents("GET", "mine.txt").status == 200
    assert contents("DELETE", "mine.txt").status == 204


@pytest.mark.hub
def test_a_link_to_the_curated_folder_is_no_way_round(hub, contents):
    link = hub.state / "users" / "ada" / "alias"
    link.symlink_to(hub.state / "curated" / "00-start-here")
    try:
        assert contents("PUT", "alias/00-start-here.ipynb", TEXT).status == 403
        assert contents("DELETE", "alias/00-start-here.ipynb").status == 403
    finally:
        link.unlink()


@pytest.mark.hub
def test_a_copied_notebook_is_ones_own(contents):
    made = contents("POST", "", {"copy_from": FIRST})
    assert made.status == 201, made.text
    assert made.json["writable"] is True
    path = made.json["path"]
    notebook = contents("GET", path).json
    saved = contents(
        "PUT", path, {"type": "notebook", "format": "json", "content": notebook["content"]}
    )
    assert saved.status == 200, saved.text
    assert contents("DELETE", path).status == 204


@pytest.mark.hub
def test_a_copied_folder_is_ones_own(hub, contents):
    assert contents("PUT", "work", {"type": "directory"}).status == 201
    made = contents("POST", "work", {"copy_from": "curated/01-next"})
    assert made.status == 201, made.text
    copy = hub.state / "users" / "ada" / made.json["path"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in copy.iterdir()} == {0o600}
    assert contents("PUT", f"{made.json['path']}/more.txt", TEXT).status == 201


def test_the_copy_is_read_only_and_follows_the_source(tmp_path):
    source, target = tmp_path / "source", tmp_path / "curated"
    (source / "a").mkdir(parents=True)
    (source / "a" / "one.ipynb").write_text("1")
    (source / "a" / ".ipynb_checkpoints").mkdir()
    assert refresh_curated(source, target) == 1
    assert not (target / "a" / ".ipynb_checkpoints").exists()
    assert stat.S_IMODE((target / "a" / "one.ipynb").stat().st_mode) == 0o444
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o555
    (source / "a" / "one.ipynb").unlink()
    (source / "b.ipynb").write_text("2")
    assert refresh_curated(source, target) == 1
    assert [path.name for path in target.rglob("*.ipynb")] == ["b.ipynb"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curated", "source"]


def test_a_source_that_is_missing_is_told(tmp_path):
    with pytest.raises(HubFailed, match="curated notebooks does not exist") as told:
        refresh_curated(tmp_path / "none", tmp_path / "curated")
    assert "--notebooks" in told.value.hint


def test_the_first_notebook_is_the_first_by_name(tmp_path):
    assert first_notebook(tmp_path) == ""
    for name in ("01-b/x.ipynb", "00-a/z.ipynb", "00-a/y.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert first_notebook(tmp_path) == "00-a/y.ipynb"
