"""The front: fast, quiet, and never a traceback."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from climeri_platform import __version__
from climeri_platform.cli import front
from climeri_platform.core import errors

CLIMERI = Path(sys.executable).with_name("climeri")
HEAVY = {
    "xarray",
    "dask",
    "distributed",
    "pandas",
    "polars",
    "numpy",
    "netCDF4",
    "h5py",
    "matplotlib",
}


def climeri(*words, **options):
    return subprocess.run(
        [CLIMERI, *words], check=False, capture_output=True, text=True, timeout=60, **options
    )


def cpu_of(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_takes_less_than_three_tenths_of_a_second():
    climeri("--help")  # compiles once
    assert min(cpu_of([CLIMERI, "--help"]) for _ in range(3)) < 0.3


@pytest.mark.parametrize("code", ["import climeri_platform", "import climeri_platform.cli.front"])
def test_nothing_heavy_is_imported(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = {each.split(".")[0] for each in done.stdout.split()}
    assert not HEAVY & loaded


def test_every_name_of_the_door_can_be_had():
    code = (
        "import climeri_platform as c\n"
        "for name in c.__all__: assert getattr(c, name) is not None, name\n"
        "assert set(c.__all__) <= set(dir(c))\n"
        "try: c.nothing\n"
        "except AttributeError as told: print(told)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "module 'climeri_platform' has no attribute 'nothing'\n"


def test_help_names_every_group_and_version_is_told():
    done = climeri("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in front.GROUPS)
    assert climeri("--version").stdout.strip().endswith(__version__)
    for group in front.GROUPS:
        helped = climeri(group, "--help")
        assert helped.returncode == 0, helped.stderr
        assert helped.stderr == ""


@pytest.mark.parametrize(
    "words", [(), ("nothing",), ("--nothing",), ("catalog", "nothing"), ("catalog", "coverage")]
)
def test_wrong_words_are_exit_2_on_stderr(words):
    done = climeri(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: climeri" in done.stderr
    assert "Traceback" not in done.stderr


def raising(problem):
    def main(*_, **__):
        raise problem

    return main


@pytest.mark.parametrize(
    "kind",
    [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.ClimeriError)
    ],
    ids=lambda each: each.__name__,
)
def test_each_error_leaves_with_its_own_code(kind, monkeypatch, capsys):
    monkeypatch.setattr(front.command, "main", raising(kind("what happened", hint="what to do")))
    assert front.run([]) == kind.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "climeri: what happened\n         what to do\n"


def test_a_defect_of_ours_is_told_as_such(monkeypatch, capsys):
    monkeypatch.setattr(front.command, "main", raising(ZeroDivisionError("x")))
    monkeypatch.delenv("CLIMERI_DEBUG", raising=False)
    assert front.run([]) == front.INTERNAL
    out, err = capsys.readouterr()
    assert out == ""
    assert "a defect in climeri_platform" in err
    assert "CLIMERI_DEBUG=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("CLIMERI_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        front.run([])


def test_interrupted(monkeypatch, capsys):
    monkeypatch.setattr(front.command, "main", raising(KeyboardInterrupt()))
    assert front.run([]) == 130
    assert capsys.readouterr().err == "climeri: interrupted\n"


def test_a_reader_that_leaves_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        done = subprocess.run(
            [CLIMERI, "settings"], check=False, stdout=out, stderr=subprocess.PIPE, text=True
        )
    assert done.stderr == ""
    assert done.returncode == 0


def test_settings_are_shown_with_their_origin(tmp_path):
    environment = {**os.environ, "CLIMERI_STORE": "/data/store", "XDG_CONFIG_HOME": str(tmp_path)}
    done = climeri("settings", env=environment)
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "/data/store" in lines["store"]
    assert "environment" in lines["store"]
    assert "default" in lines["language"]
    (tmp_path / "climeri").mkdir()
    (tmp_path / "climeri" / "climeri.yaml").write_text("langage: en\n")
    done = climeri("settings", env=environment)
    assert done.returncode == 2
    assert "Did you mean language?" in done.stderr


def test_a_full_disk_behind_what_is_printed_is_told():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [CLIMERI, "settings"], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "defect" not in done.stderr


def test_a_port_that_is_none_is_refused(tmp_path):
    done = climeri("demo", "--port", "99999", "--dir", str(tmp_path / "demo"))
    assert done.returncode == 2
    assert "99999 is not in the range 0<=x<=65535" in done.stderr
