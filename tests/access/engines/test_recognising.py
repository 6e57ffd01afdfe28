"""A place is recognised by what it begins with, and a new engine joins without its callers."""

from __future__ import annotations

import numpy as np
import pytest

from climeri_platform.access import engine_of, open_file
from climeri_platform.access.engines import recognising
from climeri_platform.access.engines.header import Header, HeldArray, StoredVariable
from climeri_platform.access.engines.recognising import ENGINES, Place, read_header
from climeri_platform.core.errors import FileUnreadable


class Lines:
    """Numbers, one a line, after a word."""

    name = "lines"

    def recognises(self, place):
        return place.begins_with(b"NUMBERS\n")

    def header(self, place):
        values = np.loadtxt(place.text, skiprows=1)
        variable = StoredVariable(("x",), {"units": "1"}, HeldArray(values), {})
        return Header({"x": values.size}, frozenset(), {}, {"number": variable})


@pytest.fixture
def numbers(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("NUMBERS\n1\n2\n3\n")
    return path


def test_an_engine_joins_without_its_callers(numbers, monkeypatch):
    with pytest.raises(FileUnreadable, match=r"begins with b'NUMBERS\\n'"):
        engine_of(numbers)
    monkeypatch.setattr(recognising, "ENGINES", [*ENGINES, Lines()])
    assert engine_of(numbers) == "lines"
    with open_file(numbers) as dataset:
        assert dataset["number"].values.tolist() == [1, 2, 3]
        assert dataset.encoding["source"] == str(numbers)


def test_what_an_engine_raises_is_told_of_the_place(numbers, monkeypatch):
    monkeypatch.setattr(recognising, "ENGINES", [Lines()])
    numbers.write_text("NUMBERS\nno number\n")
    with pytest.raises(FileUnreadable, match="ValueError") as told:
        read_header(numbers)
    assert told.value.message.startswith(f"{numbers}: ")
    assert told.value.hint


def test_no_two_engines_have_one_name():
    names = [each.name for each in ENGINES]
    assert sorted(names) == ["classic", "hdf5", "opendap", "references", "zarr"]


def test_a_file_is_opened_once_to_be_recognised(numbers):
    place = Place(numbers)
    assert place.begins_with(b"NUM")
    numbers.unlink()
    assert place.first == b"NUMBERS\n"
    assert not place.holds(".zgroup")


def test_a_place_that_is_none_says_so_each_time(tmp_path):
    place = Place(tmp_path / "gone.nc")
    assert not place.is_file
    for _ in range(2):
        with pytest.raises(FileUnreadable, match="No such file"):
            _ = place.first
