"""The curated notebooks: their form, and that they run, in time, to a true end."""

import ast
import json
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from climeri_platform.core.resources import data_path
from climeri_platform.delivery import deliver_notebooks

CURATED = sorted(data_path("notebooks").rglob("*.ipynb"))
START_HERE = "00-start-here/start-here.ipynb"
ALL = pytest.mark.parametrize("path", CURATED, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def languages(cell):
    return [tag for tag in cell.metadata.get("tags", []) if tag.startswith("lang-")]


def test_there_are_curated_notebooks():
    assert START_HERE in {path.relative_to(data_path("notebooks")).as_posix() for path in CURATED}


@ALL
def test_it_is_kept_without_outputs_and_in_one_form(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@ALL
def test_prose_stands_in_both_languages(path):
    prose = [cell for cell in read(path).cells if cell.cell_type == "markdown"]
    assert [languages(cell) for cell in prose] == [["lang-fr"], ["lang-en"]] * (len(prose) // 2)
    cells = read(path).cells
    for french, english in zip(prose[::2], prose[1::2], strict=True):
        assert cells.index(english) == cells.index(french) + 1
        # the same headings and the same code in both
        for mark in ("#", ">", "`"):
            assert french.source.count(mark) == english.source.count(mark), english.source


@ALL
def test_code_calls_the_package_and_ends_with_a_check(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    for cell in code:
        assert languages(cell) == []
        assert len(cell.source.splitlines()) <= 20
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 15
    assert read(path).cells[-1] == code[-1]
    assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(code[-1].source)))


@dataclass
class Run:
    notebook: nbformat.NotebookNode
    seconds: float
    problem: CellExecutionError | None

    def outputs(self, kind):
        return [each for cell in self.code for each in cell.outputs if each.output_type == kind]

    @property
    def code(self):
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def failed_in(self):
        broken = [cell for cell in self.code if any("ename" in each for each in cell.outputs)]
        return [self.code.index(cell) for cell in broken]


def execute(folder: Path, *, archive: Path, store: Path) -> Run:
    """Deliver the first notebook to a folder as a user gets it, and run it there."""
    deliver_notebooks(folder, language="fr")
    notebook = read(folder / START_HERE)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=240,
        resources={"metadata": {"path": str(folder)}},
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLIMERI_STORE", str(store))
        environment.setenv("CLIMERI_DEMO_ARCHIVE", str(archive))
        environment.setenv("XDG_CONFIG_HOME", str(folder / "no-config"))
        began = time.monotonic()
        problem = None
        try:
            client.execute()
        except CellExecutionError as raised:
            problem = raised
        return Run(notebook, time.monotonic() - began, problem)


@pytest.fixture(scope="module")
def start_here(tmp_path_factory, small_archive, demo_store):
    folder = tmp_path_factory.mktemp("user")
    return execute(folder, archive=small_archive, store=demo_store)


@pytest.mark.notebooks
def test_it_runs_to_its_true_end(start_here):
    assert start_here.problem is None, str(start_here.problem)
    said = start_here.code[-1].outputs[-1].text
    assert said.startswith("OK: 6 simulations, 753 years"), said


@pytest.mark.notebooks
def test_it_takes_less_than_a_minute(start_here):
    assert start_here.seconds < 60


@pytest.mark.notebooks
def test_it_says_nothing_on_stderr(start_here):
    said = [each.text for each in start_here.outputs("stream") if each.name == "stderr"]
    assert said == []


@pytest.mark.notebooks
def test_its_figures_are_drawn(start_here):
    results = start_here.outputs("execute_result")
    assert sum("image/png" in each.data for each in results) == 2
    cells = [cell for cell in start_here.code if "figures." in cell.source]
    assert all("image/png" in cell.outputs[-1].data for cell in cells)


@pytest.mark.notebooks
def test_it_fails_when_the_truth_is_another(tmp_path, small_archive, demo_store):
    truth = json.loads((small_archive / "truth.json").read_text(encoding="utf-8"))
    name = next(name for name in truth["global_mean"] if name.endswith("ssp585.r1i1p1f2"))
    truth["global_mean"][name]["tas"][-1] += 2e-4
    (tmp_path / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    run = execute(tmp_path / "user", archive=tmp_path, store=demo_store)
    assert run.problem is not None
    assert run.problem.ename == "AssertionError"
    assert run.failed_in == [len(run.code) - 1]
