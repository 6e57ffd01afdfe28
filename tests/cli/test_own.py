"""``climeri catalog add`` and what follows from it, as people type it."""

from __future__ import annotations

import json

import pytest

from climeri_platform.cli import front

TAS = (
    "CMIP/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/tas/gr/v20180803/"
    "tas_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_185001-201412.nc"
)


def plant(top, exp):
    path = top / TAS.format(exp=exp)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    return top


@pytest.fixture
def run(capsys):
    """Run `climeri ...` in this process; returns code, stdout, stderr."""

    def run(*words):
        code = front.run([*map(str, words)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert code != front.INTERNAL, err
        return code, out, err

    return run


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "own"


def test_add_says_what_it_guessed(run, own, tmp_path):
    root = plant(tmp_path / "mine", "historical")
    code, out, err = run("catalog", "add", root)
    assert code == 0
    assert err.startswith("guessed: 1 of 1 sampled files follow CMIP6")
    assert f"CMIP6: 1 NetCDF files found under {root}" in out
    assert str(own) in out
    code, out, err = run("catalog", "add", root, "--json")
    told = json.loads(out)
    assert (code, err, told["family"], told["guessed"]["CMIP6"]) == (0, "", "CMIP6", 1)
    code, out, _ = run("catalog", "add", root, "--family", "CMIP6", "--json")
    assert "guessed" not in json.loads(out)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere",), 4, "does not exist"),
        (("mine", "--family", "CMIP66"), 2, "CMIP6"),
        (("mine", "--template", "none.yaml"), 2, "No such file"),
        (("mine", "--family", "CMIP6", "--template", "x.yaml"), 2, "not both"),
        (("mine", "--family", "CORDEX"), 4, "none of the 1 NetCDF files"),
    ],
)
def test_what_cannot_be_added_is_told(run, own, words, code, said):
    plant(own.parent / "mine", "historical")
    got, out, err = run("catalog", "add", *words)
    assert (got, out) == (code, "")
    assert said in err
