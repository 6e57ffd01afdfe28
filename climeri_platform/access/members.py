"""Members of one model stacked along a dimension, each joined in time before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from climeri_platform.access.grouping import (
    catalog_of,
    catalogs_said,
    clusters,
    in_catalogs,
    unclear,
)
from climeri_platform.access.stacking import stack
from climeri_platform.catalog.members import member_order
from climeri_platform.core.errors import DatasetInconsistent, GridMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import xarray as xr

    from climeri_platform.core.errors import DataError

__all__ = ["MEMBER", "Stacked", "common_facets", "families_of", "key_of_all", "stack_members"]

MEMBER = "member"
# facets that name a run rather than what it is a run of
_OF_THE_RUN = (MEMBER, "version", "simulation", "ensemble_name", "ensemble_date")
# CMIP5's fixed fields: every member's
_FIXED = "r0i0p0"
_VARIANT = re.compile(r"(?:s(?P<start>\d+)-)?r\d+i(?P<i>\d+)p(?P<p>\d+)(?:f(?P<f>\d+))?", re.ASCII)
_WORDS = {"i": "initialisation", "p": "physics", "f": "forcing"}

Facets = dict[str, str]


class Stacked:
    """What became of datasets that were to be stacked or merged.

    Attributes
    ----------
    datasets
        Key to Dataset.
    facets
        Key to what is common to all that stand in it.
    notes
        Key and text, for the report.
    refused
        Key of a dataset that was left as it was, and why.
    made_of
        Key to the keys that it was made of.
    """

    def __init__(self) -> None:
        self.datasets: dict[str, xr.Dataset] = {}
        self.facets: dict[str, Facets] = {}
        self.notes: list[tuple[str, str]] = []
        self.refused: list[tuple[str, DataError]] = []
        self.made_of: dict[str, tuple[str, ...]] = {}

    def add(
        self, key: str, dataset: xr.Dataset, facets: Mapping[str, str], made_of: Sequence[str]
    ) -> None:
        """Take one result."""
        self.datasets[key], self.facets[key] = dataset, dict(facets)
        self.made_of[key] = tuple(made_of)

    def take(self, key: str, whole: Stacked, made_of: Sequence[str], family: str) -> None:
        """Take the one result of several families under another key."""
        (its,) = whole.datasets
        self.add(key, whole.datasets[its], {**whole.facets[its], "family": family}, made_of)
        self.notes += [(key, note) for _, note in whole.notes]

    def combine(
        self,
        groups: Sequence[Sequence[str]],
        alike: Iterable[tuple[Sequence[int], Sequence[int]]],
        done: str,
        *,
        across: Callable[[list[Sequence[str]]], bool],
        alone: Callable[[Sequence[str]], None],
    ) -> None:
        """Combine what families have of one, or what each has where these do not fit.

        Parameters
        ----------
        groups
            Keys of what each family has.
        alike
            As `clusters` finds them among the groups.
        done
            What is done, for the note on groups of which it is not known where they belong.
        across, alone
            Combine several groups, if they fit, and one.
        """
        for places, rivals in alike:
            several = [groups[at] for at in places]
            if rivals:
                self.notes.append((several[0][0], unclear(done, [groups[at][0] for at in rivals])))
            if len(several) == 1 or not across(several):
                for keys in several:
                    alone(keys)

    def in_order_of(self, keys: Iterable[str]) -> Stacked:
        """Return it in the order in which the first of each was opened."""
        places = {key: at for at, key in enumerate(keys)}
        first = {new: min(places[key] for key in old) for new, old in self.made_of.items()}
        self.datasets = {key: self.datasets[key] for key in sorted(first, key=first.__getitem__)}
        return self


def stack_members(
    datasets: Mapping[str, xr.Dataset],
    facets: Mapping[str, Mapping[str, str]],
    *,
    pad: bool = False,
) -> Stacked:
    """Stack the members of each model along ``member``, in the order of their numbers.

    Datasets belong together if all facets but the member (and its version) are the same; of two
    archive families, those that both have. Start dates of decadal predictions
    (``s1960-r1i1p1f1``) stay apart. Fixed fields of one member, and datasets of which nothing says
    the member, stay as they are.

    Parameters
    ----------
    datasets
        Key to Dataset, each one joined in time.
    facets
        Key to facets, by common names.
    pad
        False cuts members of different length to their common period, True fills the shorter ones
        with missing values.

    Returns
    -------
    Stacked
        ``refused`` holds groups that do not belong together (`GridMismatch`,
        `DatasetInconsistent`); their datasets stay apart.
    """
    groups: dict[tuple[object, ...], dict[str, str]] = {}
    for key in datasets:
        place = _place(key, facets.get(key, {}))
        groups.setdefault(place, {})[key] = facets.get(key, {}).get(MEMBER, "")
    ensembles: list[list[str]] = []
    result = Stacked()
    for group in _split_versions(groups.values(), facets):
        keys = sorted(group, key=lambda key: member_order(group[key]))
        if not group[keys[0]] or (len(keys) == 1 and _is_fixed(facets[keys[0]])):
            for key in keys:
                result.add(key, datasets[key], facets.get(key, {}), [key])
            continue
        ensembles.append(keys)
    known = [(_of_all(keys, facets), _start(facets[keys[0]][MEMBER])) for keys in ensembles]
    result.combine(
        ensembles,
        clusters(known, but=_OF_THE_RUN, variable=True),
        "stacked",
        across=lambda several: _across(result, several, datasets, facets, pad=pad),
        alone=lambda keys: _stack_one(result, keys, datasets, facets, pad=pad),
    )
    return result.in_order_of(datasets)


def _across(
    result: Stacked,
    several: Sequence[Sequence[str]],
    datasets: Mapping[str, xr.Dataset],
    facets: Mapping[str, Mapping[str, str]],
    *,
    pad: bool,
) -> bool:
    """Stack the members that several families have of one ensemble; False if they do not fit."""
    keys = [key for its in several for key in its]
    keys.sort(key=lambda key: member_order(facets[key][MEMBER]))
    labels = [facets[key][MEMBER] for key in keys]
    whole = Stacked()
    twice = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    if twice:
        why = f"both have {', '.join(twice[:3])}"
    else:
        first = several[0]
        _stack_one(whole, keys, datasets, facets, pad=pad, named_by=first)
        why = "".join(each.message for _, each in whole.refused)
    if why:
        said = " and ".join(catalogs_said(keys)) or "two families"
        result.notes.append((several[0][0], f"members of {said} are not stacked together: {why}"))
        return False
    (new,) = whole.datasets
    name = in_catalogs(new, keys)
    if name in result.datasets or name in datasets:
        name = in_catalogs(several[0][0], keys)
    result.take(name, whole, keys, families_of(keys, facets))
    return True


def _of_all(keys: Sequence[str], facets: Mapping[str, Mapping[str, str]]) -> Facets:
    return common_facets([{n: v for n, v in facets[key].items() if n != MEMBER} for key in keys])


def _stack_one(
    result: Stacked,
    keys: Sequence[str],
    datasets: Mapping[str, xr.Dataset],
    facets: Mapping[str, Mapping[str, str]],
    *,
    pad: bool,
    named_by: Sequence[str] = (),
) -> None:
    labels = [facets[key][MEMBER] for key in keys]
    new = _key(named_by or keys, [facets[k][MEMBER] for k in named_by or keys], result, datasets)
    try:
        stacked, notes = stack(
            dict(zip(labels, (datasets[key] for key in keys), strict=True)),
            MEMBER,
            pad=pad,
            facets=dict(zip(labels, (facets[key] for key in keys), strict=True)),
        )
    except (DatasetInconsistent, GridMismatch) as problem:
        why = type(problem)(f"its members do not stack: {problem.message}", hint=problem.hint)
        result.refused.append((new, why))
        for key in keys:
            result.add(key, datasets[key], facets[key], [key])
        return
    notes += _unlike_runs(labels)
    common = common_facets([facets[key] for key in keys])
    common.pop(MEMBER, None)  # of one member, too: it is a dimension now
    result.add(new, stacked, common, keys)
    result.notes += [(new, note) for note in notes]


def _place(key: str, facets: Mapping[str, str]) -> tuple[object, ...]:
    member = facets.get(MEMBER, "")
    if not member or member == _FIXED:
        return (key,)
    rest = tuple(sorted((n, v) for n, v in facets.items() if n not in _OF_THE_RUN))
    return (_start(member), rest)


def _start(member: str) -> str | None:
    found = _VARIANT.fullmatch(member)
    return found["start"] if found else None


def _split_versions(
    groups: object, facets: Mapping[str, Mapping[str, str]]
) -> list[dict[str, str]]:
    """Return the groups; where a member is there twice, versions stay apart, or else all of it."""
    found: list[dict[str, str]] = []
    for group in groups:  # type: ignore[attr-defined]
        if len(set(group.values())) == len(group):
            found.append(group)
            continue
        versions: dict[str, dict[str, str]] = {}
        for key, member in group.items():
            versions.setdefault(facets[key].get("version", ""), {})[key] = member
        for its in versions.values():
            alone = len(set(its.values())) == len(its)
            found += [its] if alone else [{key: ""} for key in its]
    return found


def _is_fixed(facets: Mapping[str, str]) -> bool:
    return facets.get("frequency") == "fx" or facets.get(MEMBER) == _FIXED


def _unlike_runs(labels: Sequence[str]) -> list[str]:
    """Say which members differ by more than their realization: r is not i, p or f."""
    found = [match for label in labels if (match := _VARIANT.fullmatch(label))]
    notes = []
    for letter, word in _WORDS.items():
        numbers = sorted({int(each[letter]) for each in found if each[letter] is not None})
        if len(numbers) > 1:
            said = ", ".join(f"{letter}{number}" for number in numbers)
            notes.append(
                f"members differ in {word} ({said}): their spread is more than internal variability"
            )
    return notes


def common_facets(facets: Sequence[Mapping[str, str]]) -> Facets:
    """Return the facets that have the same value in all."""
    return {
        name: value
        for name, value in facets[0].items()
        if all(each.get(name) == value for each in facets)
    }


def families_of(keys: Sequence[str], facets: Mapping[str, Mapping[str, str]]) -> str:
    """Return the families of some keys as one word."""
    said = [name for key in keys for name in facets[key].get("family", "").split("+")]
    return "+".join(dict.fromkeys(said))


def _key(
    keys: Sequence[str],
    labels: Sequence[str],
    result: Stacked,
    datasets: Mapping[str, xr.Dataset],
) -> str:
    found = _VARIANT.fullmatch(labels[0])
    start = f"s{found['start']}" if found and found["start"] else ""
    parts = key_of_all([_unnamed(k, m, start) for k, m in zip(keys, labels, strict=True)])
    if parts in result.datasets or (parts in datasets and parts not in keys) or not parts:
        return keys[0]
    return parts


def _unnamed(key: str, member: str, start: str) -> str:
    """Return a key with the start date in the place of the member.

    Examples
    --------
    >>> _unnamed("obs4MIPs:DEMO.DEMO-OBS.mon.tas", "DEMO", ""), _unnamed("a.s1-r1i1p1f1", "s1-r1i1p1f1", "s1")
    ('obs4MIPs:.DEMO-OBS.mon.tas', 'a.s1')
    """
    return re.sub(rf"(?<![^.:]){re.escape(member)}(?![^.])", start, key)


def key_of_all(keys: Sequence[str]) -> str:
    """Return the parts that several keys have in common, in their order.

    Examples
    --------
    >>> key_of_all(["CMIP.IPSL.historical..Amon.tas.gr", "CMIP.IPSL.historical..Amon.pr.gr"])
    'CMIP.IPSL.historical.Amon.gr'
    >>> key_of_all(["obs4MIPs:.DEMO-OBS.tas", "obs4MIPs:.DEMO-OBS.pr"])
    'obs4MIPs:DEMO-OBS'
    """
    names = {catalog_of(key) for key in keys}
    parts = [key.removeprefix(f"{catalog_of(key)}:").split(".") for key in keys]
    others = [set(each) for each in parts[1:]]
    same = ".".join(each for each in parts[0] if each and all(each in other for other in others))
    name = names.pop() if len(names) == 1 else ""
    return f"{name}:{same}" if name and same else same
