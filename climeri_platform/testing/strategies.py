"""Hypothesis strategies: facets that are valid in the Data Reference Syntax of each project.

Needs ``hypothesis``, which nothing else of the package does.
"""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = [
    "cmip5_facets",
    "cmip6_facets",
    "cordex_facets",
    "members",
    "time_ranges",
    "versions",
]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_TABLES = {
    "Amon": "mon",
    "Omon": "mon",
    "Lmon": "mon",
    "SImon": "mon",
    "day": "day",
    "Oday": "day",
    "6hrPlev": "6hr",
    "3hr": "3hr",
    "Oyr": "yr",
    "fx": "fx",
    "Ofx": "fx",
}
_CMIP5_TABLES = {
    "Amon": ("mon", "atmos"),
    "Omon": ("mon", "ocean"),
    "day": ("day", "atmos"),
    "3hr": ("3hr", "atmos"),
    "fx": ("fx", "atmos"),
}


def _words(inner: str, *, longest: int = 12) -> st.SearchStrategy[str]:
    """Return words that begin and end with a letter or digit; ``inner`` may stand between."""
    edge = st.sampled_from(_LETTERS + _DIGITS)
    middle = st.text(_LETTERS + _DIGITS + inner, max_size=longest - 2)
    return st.tuples(st.sampled_from(_LETTERS), middle, edge).map("".join)


def _index() -> st.SearchStrategy[int]:
    return st.one_of(st.integers(1, 9), st.integers(10, 2999))


def members(*, forcing: bool = True, start_years: bool = False) -> st.SearchStrategy[str]:
    """Return variant labels: ``r1i1p1f1``, without ``f`` for CMIP5, perhaps ``s1960-r1i1p1f1``."""
    made = st.builds("r{}i{}p{}".format, _index(), _index(), _index())
    if forcing:
        made = st.builds("{}f{}".format, made, _index())
    if start_years:
        start = st.one_of(st.just(""), st.integers(1850, 2100).map("s{}-".format))
        made = st.builds("{}{}".format, start, made)
    return made


def versions() -> st.SearchStrategy[str]:
    """Return versions: most are dates, some are the small numbers of old archives."""
    dates = st.builds(
        "v{:04d}{:02d}{:02d}".format,
        st.integers(2005, 2030),
        st.integers(1, 12),
        st.integers(1, 28),
    )
    return st.one_of(dates, dates, st.integers(1, 9).map("v{}".format))


def _moment(year: int, month: int, frequency: str, *, last: bool) -> str:
    text = f"{year:04d}"
    if frequency != "yr":
        text += f"{month:02d}"
    if frequency in {"day", "6hr", "3hr"}:
        text += "30" if last and month != 2 else ("28" if last else "01")
    if frequency in {"6hr", "3hr"}:
        text += "1800" if last else "0000"
    return text


@st.composite
def time_ranges(draw: st.DrawFn, frequency: str) -> str:
    """Return time ranges as file names hold them, the first moment before the last.

    Parameters
    ----------
    draw
        Given by hypothesis.
    frequency
        ``yr``, ``mon``, ``day``, ``6hr`` or ``3hr``; ``fx`` has none, which is ``""``.
    """
    if frequency == "fx":
        return ""
    first = draw(st.integers(1, 7999))
    last = draw(st.integers(first, min(first + 500, 9999)))
    begin = draw(st.integers(1, 12))
    end = draw(st.integers(begin if first == last else 1, 12))
    start, stop = (
        _moment(first, begin, frequency, last=False),
        _moment(last, end, frequency, last=True),
    )
    return f"{start}-{stop}"


@st.composite
def cmip6_facets(draw: st.DrawFn) -> dict[str, str]:
    """Return the facets of a CMIP6 file: those of the directory, ``frequency``, ``time_range``."""
    table = draw(st.sampled_from(sorted(_TABLES)))
    return {
        "mip_era": "CMIP6",
        "activity_id": draw(st.sampled_from(["CMIP", "ScenarioMIP", "DCPP", "C4MIP", "PMIP"])),
        "institution_id": draw(_words("-")),
        "source_id": draw(_words("-", longest=16)),
        "experiment_id": draw(_words("-", longest=20)),
        "member_id": draw(members(start_years=True)),
        "table_id": table,
        "variable_id": draw(_words("")),
        "grid_label": draw(st.sampled_from(["gn", "gr", "gr1", "gm", "gnz", "grz", "gna", "gng"])),
        "version": draw(versions()),
        "frequency": _TABLES[table],
        "time_range": draw(time_ranges(_TABLES[table])),
    }


@st.composite
def cmip5_facets(draw: st.DrawFn) -> dict[str, str]:
    """Return the facets of a CMIP5 file."""
    table = draw(st.sampled_from(sorted(_CMIP5_TABLES)))
    frequency, realm = _CMIP5_TABLES[table]
    return {
        "product": draw(st.sampled_from(["output", "output1", "output2"])),
        "institute": draw(_words("-")),
        "model": draw(_words("-", longest=16)),
        "experiment": draw(_words("", longest=16)),
        "frequency": frequency,
        "realm": realm,
        "table": table,
        "ensemble": "r0i0p0" if frequency == "fx" else draw(members(forcing=False)),
        "version": draw(versions()),
        "variable": draw(_words("")),
        "time_range": draw(time_ranges(frequency)),
    }


@st.composite
def cordex_facets(draw: st.DrawFn) -> dict[str, str]:
    """Return the facets of a CORDEX file; ``rcm_model`` is ``<institute>-<model>``."""
    frequency = draw(st.sampled_from(["mon", "day", "6hr", "3hr", "fx"]))
    institute = draw(_words("-"))
    region = draw(st.sampled_from(["EUR", "AFR", "MED", "SAM", "WAS", "EAS", "AUS"]))
    scenarios = ["historical", "rcp26", "rcp45", "rcp85", "evaluation"]
    return {
        "product": "output",
        "domain": f"{region}-{draw(st.sampled_from(['11', '22', '44', '44i']))}",
        "institute": institute,
        "driving_model": draw(_words("-", longest=20)),
        "experiment": draw(st.sampled_from(scenarios)),
        "ensemble": "r0i0p0" if frequency == "fx" else draw(members(forcing=False)),
        "rcm_model": f"{institute}-{draw(_words('-'))}",
        "rcm_version": draw(st.integers(1, 4).map("v{}".format)),
        "frequency": frequency,
        "variable": draw(_words("")),
        "version": draw(versions()),
        "time_range": draw(time_ranges(frequency)),
    }
