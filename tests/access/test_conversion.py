"""Units as models spell them, and what UDUNITS makes of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.conversion import is_unit, linear

BASE = ["kg", "m", "s", "K", "mol", "W", "hPa", "mm", "d", "%", "Sv", "g"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("kg/(s*m2)", "kg m-2 s-1"),
        ("kg/m^2/s", "kg m-2 s-1"),
        ("W/m2", "W m-2"),
        ("W.m-2", "W m-2"),
        ("W m**-2", "W m-2"),
        ("degree_C", "degC"),
        ("degrees_Celsius", "degC"),
        ("1e-3", "0.001"),
        ("1.e-3", "g/kg"),
        ("psu", "0.001"),
        ("kg/kg", "1"),
        ("0-1", "1"),
        ("N m-2", "Pa"),
        ("10^-3 m", "mm"),
        ("m2/s2", "J kg-1"),
        ("Sv", "1e6 m3 s-1"),
        ("mmol/m3", "1e-3 mol m-3"),
        ("(kg/m2)/s", "kg m-2 s-1"),
        ("mm/d", "mm day-1"),
        ("gC m-2", "1e-3 kg m-2"),
        ("kgC/(m2 s)", "kg m-2 s-1"),
        ("mb", "hPa"),
        ("Pa mb-1", "1e-2"),
        ("Sv-1", "1e-6 m-3 s"),
        ("fraction", "1"),
        ("W·m-2", "W m-2"),
    ],
)
def test_spellings_of_one_unit(text, same):
    assert linear(text, same) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("degC", "K", (1.0, 273.15)),
        ("K", "degC", (1.0, -273.15)),
        ("1", "%", (100.0, 0.0)),
        ("hPa", "Pa", (100.0, 0.0)),
        ("mmol m-3", "mol m-3", (0.001, 0.0)),
        ("mm/d", "mm/s", (pytest.approx(1 / 86400), 0.0)),
        ("K", "Pa", None),
        ("Sv", "kg s-1", None),
        ("s", "s-1", None),  # one over it
        ("m", "m-1", None),
        ("dBZ", "m3", None),  # powers
        ("dBm", "mW", None),
        ("mm d-1", "kg m-2 s-1", None),  # only with the density of water
    ],
)
def test_conversions(source, target, expected):
    assert linear(source, target) == expected


@pytest.mark.parametrize(
    "text",
    [
        "m\0s",
        "bananas",
        "kg/(s*m2",
        "kg)",
        "/",
        "m^",
        "m^^2",
        "*",
        "( )",
        "kg m-2 s-1 please",
        "1e999",
    ],
)
def test_what_is_not_understood_is_none(text):
    assert not is_unit(text)
    assert linear(text, "1") is None


factors = st.lists(st.tuples(st.sampled_from(BASE), st.integers(-3, 3).filter(bool)), min_size=1)


@given(factors, st.randoms(use_true_random=False))
def test_the_order_and_the_signs_between_factors_do_not_matter(parts, chance):
    plain = " ".join(f"{name}{power}" for name, power in parts)
    shuffled = list(parts)
    chance.shuffle(shuffled)
    other = "1" + "".join(
        f"/{name}^{-power}" if chance.random() < 0.5 else f"*{name}**{power}"
        for name, power in shuffled
    )
    factor, offset = linear(plain, other)
    assert (factor, offset) == (pytest.approx(1.0), 0.0)


@given(factors, factors)
def test_there_and_back(one, other):
    here, there = (" ".join(f"{name}{power}" for name, power in each) for each in (one, other))
    forth, back = linear(here, there), linear(there, here)
    assert (forth is None) == (back is None)
    if forth is not None:
        assert forth[0] * back[0] == pytest.approx(1.0)


@given(st.one_of(st.text(max_size=12), st.text("kgmsWSvC0123456789.-^*/() ", max_size=12)))
def test_any_text_is_a_unit_or_none(text):
    found = linear(text, "1")
    assert found is None or (math.isfinite(found[0]) and math.isfinite(found[1]))
    assert found is None or is_unit(text) or text == "1"


def test_what_is_not_understood_is_not_printed(capfd):
    for text in ("0 m", "1e999", "m^^2", "-"):
        assert linear(text, "m") is None
    assert capfd.readouterr() == ("", "")
