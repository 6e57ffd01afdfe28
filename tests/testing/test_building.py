import dataclasses
import hashlib
import json
import multiprocessing
import subprocess
import sys

import pytest

from climeri_platform.core.errors import ArchiveError
from climeri_platform.testing import build, build_archive, defects, read_truth
from climeri_platform.testing.recipe import Run
from climeri_platform.testing.sizes import SIZES


@pytest.fixture(scope="module")
def tiny():
    small = SIZES["small"]()
    runs = tuple(
        Run("BORA-ESM1", name, "r1i1p1f1", ("fx.areacella", "Amon.tas"), branch=3, years=4)
        for name in ("piControl", "abrupt-4xCO2", "historical")
    )
    return dataclasses.replace(
        small, size="tiny", runs=runs, regional=None, workflow=None, observables=()
    )


def digests(directory):
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_the_same_bytes_for_any_number_of_processes(archive, tmp_path):
    again = build_archive(tmp_path / "again", workers=1)
    assert digests(again.directory) == digests(archive.directory)


def test_the_small_archive_is_small(archive):
    assert archive.bytes < 120e6
    assert archive.files == len(list(archive.directory.rglob("*.nc")))
    assert not archive.reused


def test_a_complete_archive_is_reused(archive):
    again = build_archive(archive.directory)
    assert again.reused
    assert (again.files, again.bytes) == (archive.files, archive.bytes)
    assert again.seconds < 1.0


def test_an_interrupted_archive_is_built_again(tiny, tmp_path):
    def stop(step, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build.build_recipe(tmp_path / "a", tiny, workers=1, progress=stop)
    assert multiprocessing.active_children() == [], "the folder is free: nobody writes to it"
    with pytest.raises(ArchiveError):
        read_truth(tmp_path / "a")
    left = tmp_path / "a" / "CMIP6" / ".left-behind.nc.partial"
    left.parent.mkdir(exist_ok=True)
    steps = []
    whole = build.build_recipe(
        tmp_path / "a", tiny, workers=1, progress=lambda *step: steps.append(step)
    )
    assert not whole.reused
    assert [done for _, done, _ in steps] == list(range(1, 7))
    build.build_recipe(tmp_path / "b", tiny, workers=2)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_an_unknown_size_names_the_nearest(tmp_path):
    with pytest.raises(ArchiveError, match="no size 'Small'\nDid you mean 'small'"):
        build_archive(tmp_path, size="Small")
    assert not list(tmp_path.iterdir())


def test_what_is_not_ours_is_never_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ArchiveError, match=r"it holds something else \(thesis\.tex\)"):
        build_archive(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_not_a_folder(tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(ArchiveError, match=r"cannot be written to .*file"):
        build_archive(place)
    with pytest.raises(ArchiveError, match="Not a directory"):
        build_archive(place / "below")


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(build.os, "access", lambda *_: False)
    with pytest.raises(ArchiveError, match="permission denied"):
        build_archive(tmp_path)


def test_another_archive_is_refused_and_kept(tiny, tmp_path):
    build.build_recipe(tmp_path, tiny, workers=1)
    with pytest.raises(ArchiveError, match="of size 'tiny'"):
        build_archive(tmp_path)
    assert read_truth(tmp_path)["size"] == "tiny"
    (tmp_path / build.MARKER).write_text("{")
    with pytest.raises(ArchiveError, match=r"its marker .* cannot be read"):
        build_archive(tmp_path)


def test_a_second_builder_is_told_to_wait(tiny, tmp_path):
    with (
        build._locked(tmp_path),
        pytest.raises(ArchiveError, match="another process is building"),
    ):
        build.build_recipe(tmp_path, tiny, workers=1)


def test_a_file_that_cannot_be_written_is_named(tiny, tmp_path):
    def stop(step, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build.build_recipe(tmp_path, tiny, workers=1, progress=stop)
    for path in list(tmp_path.rglob("*.nc")):
        path.unlink()
        path.mkdir()
    with pytest.raises(ArchiveError, match=r"(?s)cannot be written .*space left on the disk"):
        build.build_recipe(tmp_path, tiny, workers=1)


def test_a_damaged_archive_is_not_reused(tiny, tmp_path):
    build.build_recipe(tmp_path, tiny, workers=1)
    (tmp_path / "my-own.nc").write_bytes(b"an addition does not matter")
    assert build.build_recipe(tmp_path, tiny).reused
    defects.zero_byte(next(tmp_path.rglob("tas_*piControl*.nc")))
    with pytest.raises(ArchiveError, match="no longer whole, it holds 7 of 6 files"):
        build.build_recipe(tmp_path, tiny)


def test_a_file_system_without_locks(tiny, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(build.fcntl, "flock", refuse)
    assert not build.build_recipe(tmp_path, tiny, workers=1).reused


def test_no_processes_are_no_builders(tmp_path):
    with pytest.raises(ArchiveError, match="by 0 processes"):
        build_archive(tmp_path, workers=0)


def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from climeri_platform.testing import build_archive\n"
        f"build_archive({str(tmp_path / 'demo')!r}, workers=1)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    assert "if __name__ == '__main__':" in done.stderr


def test_the_truth_of_no_archive(tmp_path):
    with pytest.raises(ArchiveError, match="climeri demo --archive-only"):
        read_truth(tmp_path)


def test_the_marker_is_the_last_word(archive):
    mark = json.loads((archive.directory / build.MARKER).read_text(encoding="utf-8"))
    assert mark["state"] == "complete"
    newest = max(archive.directory.rglob("*"), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name in {build.MARKER, archive.directory.name}


def test_the_door_is_thin():
    code = (
        "import sys, climeri_platform.testing as room;"
        "assert room.ARCHIVE_ROOTS['libIGCM'] == 'IGCM_OUT';"
        "print(sorted({'netCDF4', 'xarray', 'hypothesis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    bare = "import sys, climeri_platform.testing; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_full_recipe_has_what_was_promised():
    full = SIZES["full"]()
    assert len(full.models) >= 5
    for model in full.models:
        held = {run.experiment_id for run in full.runs if run.source_id == model.source_id}
        assert held == {"piControl", "historical", "ssp126", "ssp585", "abrupt-4xCO2", "1pctCO2"}
        for run in full.runs:
            if run.source_id == model.source_id and run.experiment_id == "piControl":
                assert run.length >= 300
    assert sum(run.wrong_branch for run in full.runs) == 1
    indices = "".join(run.member_id for run in full.runs)
    assert all(each in indices for each in ("r3", "i2", "p2", "f2"))
    variables = {name.split(".")[1] for run in full.runs for name in run.variables}
    assert {"tas", "pr", "psl", "rsdt", "rsut", "rlut", "tos", "tasmax", "tasmin"} <= variables
    assert {"areacella", "areacello", "sftlf"} <= variables
    names = [run.name for run in full.runs]
    assert len(set(names)) == len(names)


def test_an_archive_of_another_recipe_makes_way_where_that_is_asked_for(tiny, tmp_path):
    other = dataclasses.replace(tiny, size="other")
    build.build_recipe(tmp_path, tiny, workers=1)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ArchiveError, match="another recipe"):
        build.build_recipe(tmp_path, other, workers=1)
    made = build.build_recipe(tmp_path, other, workers=1, replace=True)
    assert (made.size, made.reused) == ("other", False)
    assert build.build_recipe(tmp_path, other, workers=1, replace=True).reused
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_what_is_not_an_archive_never_makes_way(tiny, tmp_path):
    (tmp_path / "CMIP6").mkdir()
    (tmp_path / "CMIP6" / "mine.nc").write_text("mine")
    with pytest.raises(ArchiveError, match="something else"):
        build.build_recipe(tmp_path, tiny, workers=1, replace=True)
    assert (tmp_path / "CMIP6" / "mine.nc").read_text() == "mine"


def test_a_marker_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(
        ArchiveError, match=r"cannot be written to .*/gone: No such file"
    ) as problem:
        build._write_json(tmp_path / "gone" / "marker.json", {})
    assert "another folder" in problem.value.hint
