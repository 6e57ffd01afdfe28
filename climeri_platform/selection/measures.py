"""Which datasets of the catalog may be the cell areas and land fractions of others.

They are looked up once for all datasets that are opened. Which of them lies on the same grid is
seen when they are opened; here they are put in order: of the same member, of another member, of
another experiment of the same model, each on a grid of the same label before others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from climeri_platform.access.harmonise.measures import AREAS, MEASURES
from climeri_platform.catalog.members import FIXED_MEMBER, member_order
from climeri_platform.catalog.narrowing import Narrowing
from climeri_platform.catalog.pairing import of_keys
from climeri_platform.selection.about import facets_of
from climeri_platform.selection.reading import files_to_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.access import DatasetFiles
    from climeri_platform.catalog import CatalogView

__all__ = ["with_measures"]

_SISTERS = ("piControl", "historical", "evaluation", "amip")
_AGREE = ("model", "domain", "component")  # where a family has them
_WORDS = (*_AGREE, "experiment", "member", "grid", "driving_model", "rcm_version", "simulation")
_TRIED = 4  # members of one model share a grid: where four do not fit, none will


def with_measures(
    view: CatalogView, wanted: Sequence[DatasetFiles], *, recall: bool
) -> list[DatasetFiles]:
    """Return what is to be opened, each with the measures that it may have.

    Parameters
    ----------
    view
        Of the catalog: all of it is searched, whatever the view is narrowed to.
    wanted
        What is to be opened.
    recall
        Whether measures may be opened that lie on tape.

    Returns
    -------
    list of DatasetFiles
    """
    names = view.family.names
    every = _every_measure(view, {_said(each.about, names)["model"] for each in wanted})
    offered = _by_name(facets_of(every), names)
    chosen = [
        {name: _nearest(_said(each.about, names), several) for name, several in offered.items()}
        for each in wanted
    ]
    keys = {key for each in chosen for names in each.values() for key in names}
    files = {}
    if keys:
        for each in files_to_open(of_keys(every, keys, "measures"), recall=recall):
            # a native stream has its areas in each of its files
            files[each.attributes["dataset"]] = replace(each, paths=each.paths[:1], spans=())
    return [
        replace(
            each,
            measures={
                name: tuple(files[key] for key in keys if key in files)
                for name, keys in names.items()
                if keys
            },
        )
        for each, names in zip(wanted, chosen, strict=True)
    ]


def _every_measure(view: CatalogView, models: set[str]) -> CatalogView:
    """Return the view of all measures of some models, and of native streams that may hold areas."""
    import polars as pl

    names = view.family.names
    variable = pl.col(names["variable"])
    which = variable.is_in(MEASURES)
    there = view.rows.collect_schema()
    if "stream" in view.family.dataset and "stream" in there:
        native = variable.is_null() & pl.col("stream").is_not_null()
        which |= native & (pl.col("frequency").fill_null("") != "monClim")
    asked: dict[str, tuple[str, ...]] = {}
    known = tuple(sorted(each for each in models if each))
    if "model" in names and known:
        asked[names["model"]] = known
    everything = replace(view, asked=asked, also=(), typed={})
    return everything.narrow(Narrowing("measures", which))


def _said(its: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Return what facets say, by the words that families share."""
    return {word: its.get(names.get(word, word), "") for word in (*_WORDS, "stream")}


def _by_name(
    facets: Mapping[tuple[str, str | None], Mapping[str, str]], names: Mapping[str, str]
) -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Return keys and facets of the datasets that may be a measure, by its name."""
    offered: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for (key, _), its in facets.items():
        variable = its.get(names["variable"])
        for name in [variable] if variable else AREAS:
            offered.setdefault(name, []).append((key, _said(its, names)))
    return offered


def _nearest(about: dict[str, str], several: list[tuple[str, dict[str, str]]]) -> list[str]:
    """Return the keys of the datasets that may be a measure of one dataset, the nearest first."""
    same = [
        (_distance(about, its), key)
        for key, its in several
        if all(its[word] == about[word] for word in _AGREE)
    ]
    return [key for _, key in sorted(same)[:_TRIED]]


def _distance(about: dict[str, str], its: dict[str, str]) -> tuple[object, ...]:
    experiment = its["experiment"]
    sister = _SISTERS.index(experiment) if experiment in _SISTERS else len(_SISTERS)
    return (
        its["grid"] != about["grid"],
        its["rcm_version"] != about["rcm_version"],
        0 if experiment == about["experiment"] else 1 + sister,
        its["driving_model"] != about["driving_model"],
        its["member"] not in (about["member"], FIXED_MEMBER),
        its["simulation"] != about["simulation"],
        # of a native run, where tracers are: T points
        bool(its["stream"]) and not its["stream"].endswith("_T"),
        member_order(its["member"]),
    )
