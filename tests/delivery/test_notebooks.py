"""Curated notebooks in somebody else's folder."""

import json
import os

import nbformat
import pytest

from climeri_platform.core.errors import ClimeriError, FileUnreadable, UsageError
from climeri_platform.delivery import deliver_notebooks
from climeri_platform.delivery.notebooks import MANIFEST


def write(folder, name="00-first/first.ipynb", code="1 + 1"):
    cells = [
        nbformat.v4.new_markdown_cell("# Bonjour à tous", metadata={"tags": ["lang-fr"]}),
        nbformat.v4.new_markdown_cell("# Hello", metadata={"tags": ["lang-en"]}),
        nbformat.v4.new_markdown_cell("![figure](x.png)"),
        nbformat.v4.new_code_cell(code, metadata={"execution": {"x": "1"}, "tags": ["keep"]}),
    ]
    cells[-1].outputs = [nbformat.v4.new_output("stream", text="2")]
    cells[-1].execution_count = 3
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "widgets": {"state": {}},
        "language_info": {"name": "python"},
    }
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def source(tmp_path):
    write(tmp_path / "source")
    write(tmp_path / "source", "01-second/second.ipynb", code="2")
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "home" / "curated"


def prose(path):
    notebook = nbformat.read(path, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize(
    ("language", "kept"),
    [
        ("fr", ["# Bonjour à tous", "![figure](x.png)"]),
        ("en", ["# Hello", "![figure](x.png)"]),
        (None, ["# Bonjour à tous", "# Hello", "![figure](x.png)"]),
    ],
)
def test_prose_comes_in_the_language_of_the_reader(source, target, language, kept):
    delivered = deliver_notebooks(target, source=source, language=language)
    assert [path.relative_to(target).as_posix() for path in delivered] == [
        "00-first/first.ipynb",
        "01-second/second.ipynb",
    ]
    assert prose(delivered[0]) == kept


def test_what_arrives_is_valid_clean_and_read_only(source, target):
    (path, _) = deliver_notebooks(target, source=source, language="en")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec == {
        "name": "climeri",
        "display_name": "CLIMERI (Python 3)",
        "language": "python",
    }
    assert "widgets" not in notebook.metadata
    code = notebook.cells[-1]
    assert (code.outputs, code.execution_count, code.metadata) == ([], None, {"tags": ["keep"]})
    assert path.stat().st_mode & 0o777 == 0o444


def test_delivering_again_changes_nothing(source, target):
    before = [path.stat() for path in deliver_notebooks(target, source=source)]
    after = [path.stat() for path in deliver_notebooks(target, source=source)]
    assert [(s.st_ino, s.st_mtime_ns) for s in before] == [(s.st_ino, s.st_mtime_ns) for s in after]


def test_what_changed_is_replaced_and_what_is_gone_is_removed(source, target):
    first, second = deliver_notebooks(target, source=source, language="fr")
    write(source, code="1 + 2")
    (source / "01-second" / "second.ipynb").unlink()
    (target / "mine.txt").write_text("mine")
    assert deliver_notebooks(target, source=source, language="fr") == [first]
    assert "1 + 2" in first.read_text(encoding="utf-8")
    assert not second.parent.exists()
    assert (target / "mine.txt").read_text() == "mine"
    assert not list(target.rglob(".new-*"))


def test_the_own_notebook_of_somebody_is_never_touched(source, target):
    mine = target / "00-first" / "first.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    delivered = deliver_notebooks(target, source=source)
    assert [path.name for path in delivered] == ["second.ipynb"]
    assert mine.read_text() == "mine"
    assert mine.stat().st_mode & 0o200
    assert deliver_notebooks(target, source=source) == delivered


def test_a_delivered_notebook_that_somebody_changed_is_moved_aside(source, target):
    first, second = deliver_notebooks(target, source=source)
    for path in (first, second):
        path.chmod(0o644)
        path.write_text("changed")
    (source / "01-second" / "second.ipynb").unlink()
    deliver_notebooks(target, source=source)
    assert first.with_name("first-changed-1.ipynb").read_text() == "changed"
    assert first.stat().st_mode & 0o777 == 0o444
    assert second.read_text() == "changed"
    first.chmod(0o644)
    first.write_text("changed again")
    deliver_notebooks(target, source=source)
    assert first.with_name("first-changed-2.ipynb").read_text() == "changed again"


@pytest.mark.parametrize("name", ["../outside.ipynb", "/outside.ipynb", "notes.txt"])
def test_a_manifest_cannot_reach_outside(source, target, name, tmp_path):
    deliver_notebooks(target, source=source)
    outside = tmp_path / "home" / "outside.ipynb"
    outside.write_text("theirs")
    (target / "notes.txt").write_text("theirs")
    digest = "2d1f4b0a0e4a8d8d8d61d4ed4b1f4f0d" * 2
    held = json.loads((target / MANIFEST).read_text())
    (target / MANIFEST).write_text(json.dumps(held | {name: digest}))
    deliver_notebooks(target, source=source)
    assert outside.exists()
    assert (target / "notes.txt").exists()
    assert name not in json.loads((target / MANIFEST).read_text())


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_manifest_makes_everything_somebodys_own(source, target, text):
    deliver_notebooks(target, source=source)
    (target / MANIFEST).write_text(text)
    write(source, code="3")
    assert [path.name for path in deliver_notebooks(target, source=source)] == ["second.ipynb"]


@pytest.mark.parametrize("text", ["", "{}", '{"cells": 3}', "[]", '{"cells": [3]}'])
def test_a_damaged_source_delivers_nothing(source, target, text):
    (source / "01-second" / "second.ipynb").write_text(text)
    with pytest.raises(FileUnreadable, match=r"second\.ipynb is no notebook"):
        deliver_notebooks(target, source=source)
    assert not target.exists()


def test_checkpoints_are_not_delivered(source, target):
    write(source, ".ipynb_checkpoints/first-checkpoint.ipynb")
    assert len(deliver_notebooks(target, source=source)) == 2


def test_a_language_that_does_not_exist_is_refused(source, target):
    with pytest.raises(UsageError, match="'de'"):
        deliver_notebooks(target, source=source, language="de")


def test_a_source_without_notebooks_is_refused(tmp_path, target):
    with pytest.raises(UsageError, match="no notebook below"):
        deliver_notebooks(target, source=tmp_path)


def test_a_target_that_cannot_be_written_is_refused(source, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ClimeriError, match="cannot be delivered to"):
        deliver_notebooks(tmp_path / "file", source=source)


def test_a_failed_write_leaves_the_old_file_and_no_rest(source, target, monkeypatch):
    first, _ = deliver_notebooks(target, source=source)
    old = first.read_bytes()
    write(source, code="5")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(ClimeriError, match="No space left"):
        deliver_notebooks(target, source=source)
    assert first.read_bytes() == old
    assert not list(target.rglob(".new-*"))


def test_the_notebooks_of_this_installation_are_the_default(target):
    delivered = deliver_notebooks(os.fspath(target), language="fr")
    assert "start-here.ipynb" in {path.name for path in delivered}
    for path in delivered:
        nbformat.validate(nbformat.read(path, as_version=4))
