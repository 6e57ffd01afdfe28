"""One run holds a variable twice, as a series (TS) and in its Output: it is used once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["prefer_series"]

_FIX = "series before output"
_RUN = ("tag_name", "space_name", "experiment_name", "ensemble_name", "ensemble_date", "job_name")


def prefer_series(
    datasets: Mapping[str, xr.Dataset], about: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, xr.Dataset], dict[str, list[Step]]]:
    """Leave out of the Output of a run what its time series hold.

    A series is one file where Output is hundreds, and is preferred; but not where Output holds all
    of its time and more, as of a run that goes on. Which variables a stream holds no name says, so
    that this is done with what was opened.

    Parameters
    ----------
    datasets
        Key to dataset, as `to_cmip` gives them.
    about
        Key to facets of the catalog: ``component``, ``product``, ``product_frequency``,
        ``frequency``, ``variable``, and those of the run.

    Returns
    -------
    datasets
        Without the variables that are used elsewhere, and without datasets of which nothing is
        left.
    steps
        For the keys that lost something, and those kept that hold less time.
    """
    made = dict(datasets)
    steps: dict[str, list[Step]] = {}
    streams: dict[tuple[str, ...], list[str]] = {}
    for key in made:
        if _is(about.get(key, {}), "Output", ""):
            streams.setdefault(_of(about[key]), []).append(key)
    for key in datasets:
        its = about.get(key, {})
        name = its.get("variable", "")
        if not _is(its, "Analyse", "TS") or name not in datasets[key]:
            continue
        for other in streams.get(_of(its), []):
            if key not in made or other not in made or name not in made[other].data_vars:
                continue
            left, said = _better(key, other, datasets, name)
            steps.setdefault(left, []).append(Step(_FIX, name, said))
            rest = made[left].drop_vars(name)
            if any(_is_field(each) for each in rest.data_vars.values()) and left != key:
                made[left] = rest
            else:
                del made[left]
    return made, steps


def _is(its: Mapping[str, str], product: str, kind: str) -> bool:
    return its.get("product") == product and its.get("product_frequency", "").startswith(kind)


def _of(its: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(str(its.get(each) or "") for each in (*_RUN, "component", "frequency"))


def _is_field(variable: xr.DataArray) -> bool:
    return "time" in variable.dims and not str(variable.name).endswith("_bnds")


def _better(
    series: str, output: str, datasets: Mapping[str, xr.Dataset], name: str
) -> tuple[str, str]:
    """Return which of the two does without the variable, and what is said of it."""
    one, other = _ends(datasets[series]), _ends(datasets[output])
    if one is None or other is None or one == other:
        return output, f"{name} is taken from {series}"
    if other[0] <= one[0] and one[1] <= other[1]:
        said = f"{name} is taken from {output}, which holds {_text(other)}, and this {_text(one)}"
        return series, said
    said = f"{name} is taken from {series}"
    if other[0] < one[0] or one[1] < other[1]:
        said += f", which holds {_text(one)}; this also holds others of {_text(other)}"
    return output, said


def _ends(dataset: xr.Dataset) -> tuple[str, str] | None:
    """Return the first and the last day, in words that any two calendars can be compared by."""
    if "time" not in dataset.coords or not dataset.sizes["time"]:
        return None
    days = dataset["time"][[0, -1]].dt
    parts = zip(days.year.values, days.month.values, days.day.values, strict=True)
    first, last = (f"{year:04}-{month:02}-{day:02}" for year, month, day in parts)
    return first, last


def _text(ends: tuple[str, str]) -> str:
    return " to ".join(ends)
