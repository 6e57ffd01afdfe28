"""Reading many paths at once: a directory once, and names that differ in time only once.

The result is that of `Family.parse_directory` and `Family.parse_name` for each path. Each name is
still matched, which is cheap; what follows from the groups of a match is worked out once for each
directory.
"""

from __future__ import annotations

import re
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.family import Family, Place, Rejected, span_of
from climeri_platform.catalog.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Parser", "aside", "places_of"]

_CHUNK = 500_000  # paths that are Python's at the same time
# publishing tools keep the files themselves there, and lay out versions by links to them
_ASIDE = re.compile(r"(?:d|(.+)_)(\d{8})", re.ASCII)
_IN_ASIDE = r"(?:^|/)files/(?:d|[^/]+_)\d{8}/"

_TIMES = {"time_range": pl.String, "start": pl.Int64, "end": pl.Int64}
_REFUSED = {"at": pl.UInt32, "code": pl.String, "reason": pl.String}


def aside(path: str = "path") -> pl.Expr:
    """Return whether a file stands where publishing tools keep files, beside the versions."""
    return pl.col(path).str.contains(_IN_ASIDE)


def places_of(rules: Family, parts: tuple[str, ...]) -> list[Place]:
    """Return what a directory may mean, also one where files are kept beside the versions.

    Such as CMIP6's ``gr/files/d20180803`` and CMIP5's ``r1i1p1/files/tas_20110323``, which the
    links of ``r1i1p1/v20110323/tas`` point to: the date is the version, the name before it the
    variable.

    Parameters
    ----------
    rules
        The archive family.
    parts
        As `Family.parse_directory` takes them.

    Raises
    ------
    Rejected
        If it means nothing.

    Examples
    --------
    >>> from climeri_platform.catalog.family import load_family
    >>> path = "output1/X/M/rcp45/mon/atmos/Amon/r1i1p1/files/tas_20110323"
    >>> places_of(load_family("CMIP5"), tuple(path.split("/")))[0].facets["version"]
    'v20110323'
    """
    try:
        return rules.parse_directory(parts)
    except Rejected:
        found = (
            (at, version)
            for at, (one, two) in enumerate(pairwise(parts))
            if one == "files" and (version := _ASIDE.fullmatch(two))
        )
        for at, version in islice(found, 1):
            variable, date = version.groups()
            for meant in ((f"v{date}", variable), (f"v{date}",)):
                try:
                    return rules.parse_directory(
                        (*parts[:at], *filter(None, meant), *parts[at + 2 :])
                    )
                except Rejected:
                    continue
        raise


class Parser:
    """Reads the paths below one root.

    Parameters
    ----------
    rules
        The archive family.
    above
        The levels of the root itself.
    """

    def __init__(self, rules: Family, above: Sequence[str]) -> None:
        self.rules = rules
        self._above = tuple(above)
        self.spans: dict[str | None, tuple[int | None, int | None] | Rejected] = {}
        self._levels = Levels(rules, self._above, self.span)

    def parse(self, paths: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return what the paths say.

        Parameters
        ----------
        paths
            Relative to the root.

        Returns
        -------
        polars.DataFrame
            The facets, ``dataset``, ``time_range``, ``start``, ``end``, and ``at``, the place of
            the path in ``paths``, for each that follows the rules.
        polars.DataFrame
            ``at``, ``code`` and ``reason`` for each other path.
        """
        chunks = [
            self._chunk(paths.slice(first, _CHUNK), first)
            for first in range(0, max(len(paths), 1), _CHUNK)
        ]
        return pl.concat([each for each, _ in chunks]), pl.concat([each for _, each in chunks])

    def _chunk(self, paths: pl.Series, first: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Read most paths as columns, and all others one by one."""
        at = pl.int_range(first, first + len(paths), dtype=pl.UInt32, eager=True)
        if not self._levels.holds:
            return _Chunk(self, at.to_list()).read(paths.to_list())
        most = self._levels.read(paths)
        most = most.with_columns(pl.col("at") + first, dataset=_key(self.rules))
        if most.height == len(paths):
            left = at.clear()
        else:
            left = at.filter(~at.is_in(most["at"].implode()))
        one_by_one, refused = _Chunk(self, left.to_list()).read(paths[left - first].to_list())
        if not one_by_one.height:
            return most.select(one_by_one.columns), refused
        return pl.concat([most.select(one_by_one.columns), one_by_one]).sort("at"), refused

    def directory(self, folder: str) -> list[Place]:
        """Return what a directory may mean; `Rejected` if nothing."""
        parts = (*self._above, *folder.split("/")) if folder else self._above
        return places_of(self.rules, parts)

    def span(self, time_range: str | None) -> tuple[int | None, int | None] | Rejected:
        """Return start and end of a time range, or why it is none."""
        found = self.spans.get(time_range)
        if found is None:
            try:
                span = span_of(time_range)
                found = (span.start, span.end) if span else (None, None)
            except Rejected as no:
                found = no
            self.spans[time_range] = found
        return found


class _Known:
    """What is known of a directory: the meaning of names by the groups of their match."""

    __slots__ = ("groups", "tries", "why")

    def __init__(self, parser: Parser, folder: str) -> None:
        # the group of a match, without its time -> its row; None where it contradicts the directory
        self.groups: dict[tuple[Any, ...], int | None] = {}
        self.why: Rejected | None = None
        self.tries: list[tuple[Place, Any, int]] = []
        try:
            places = parser.directory(folder)
        except Rejected as no:
            self.why = no
            return
        for place in places:
            # a directory that says a time of its own wants to be compared with that of each name
            timed = "time_range" not in place.facets
            self.tries += [
                (place, regex.fullmatch, regex.groupindex.get("time_range", 0) if timed else -1)
                for regex in place.names
            ]


class _Chunk:
    """Columns under way."""

    def __init__(self, parser: Parser, places: list[int]) -> None:
        self._parser = parser
        self._rules = parser.rules
        self._places = places
        self._facets: list[dict[str, str]] = []
        self._times: list[str | None] = []  # of a row of facets, where the directory says it
        self._taken: list[tuple[int, int, str | None, int | None, int | None]] = []
        self._refused: list[tuple[int, str, str]] = []

    def read(self, paths: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:  # noqa: C901, PLR0912 - the one loop over millions of names: no calls in it
        folders: dict[str, _Known] = {}
        spans, taken = self._parser.spans, self._taken
        last: str | None = None
        known: _Known | None = None
        for at, path in zip(self._places, paths, strict=True):
            folder, _, name = path.rpartition("/")
            if folder != last or known is None:
                last, known = folder, folders.get(folder)
                if known is None:
                    known = folders[folder] = _Known(self._parser, folder)
            if known.why is not None:
                self._refused.append((at, known.why.code, known.why.reason))
                continue
            for number, (place, match_of, timed) in enumerate(known.tries):
                match = match_of(name)
                if match is None:
                    continue
                groups = match.groups()
                if timed > 0:
                    time_range = groups[timed - 1]
                    key = (number, groups[: timed - 1], groups[timed:])
                else:
                    time_range, key = None, (number, groups, ())
                row = known.groups.get(key, -1)
                if row == -1:
                    row = known.groups[key] = self._agreed(match, place, timed)
                if row is None:
                    continue
                if timed < 0:
                    time_range = self._times[row]
                span = spans.get(time_range) or self._parser.span(time_range)
                if isinstance(span, Rejected):
                    self._refused.append((at, span.code, span.reason))
                else:
                    taken.append((at, row, time_range, *span))
                break
            else:
                self._refuse(at, name, known)
        return self._tables()

    def _refuse(self, at: int, name: str, known: _Known) -> None:
        try:
            places = list({id(place): place for place, _, _ in known.tries}.values())
            self._rules.parse_name(name, places)
        except Rejected as no:
            self._refused.append((at, no.code, no.reason))

    def _agreed(self, match: re.Match[str], place: Place, timed: int) -> int | None:
        try:
            facets = self._rules.agree(match.groupdict(), place.facets)
        except Rejected:
            return None
        time_range = facets.pop("time_range", None)
        self._rules.derive(facets)
        self._facets.append(facets)
        self._times.append(time_range if timed < 0 else None)
        return len(self._facets) - 1

    def _tables(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        columns = {name: [each.get(name) for each in self._facets] for name in self._rules.facets}
        facets = pl.DataFrame(columns, dict.fromkeys(columns, pl.String)).with_columns(
            dataset=_key(self._rules)
        )
        at, row, *times = zip(*self._taken, strict=True) if self._taken else ((),) * 5
        taken = pl.DataFrame(dict(zip(_TIMES, times, strict=True)), schema=_TIMES).with_columns(
            pl.Series("at", at, pl.UInt32)
        )
        refused = pl.DataFrame(self._refused, schema=_REFUSED, orient="row")
        return facets[pl.Series(row, dtype=pl.UInt32)].hstack(taken), refused


def _key(rules: Family) -> pl.Expr:
    """Return what `Family.key` does, for a whole column."""
    said = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in rules.dataset]
    return pl.concat_str(said, separator=".", ignore_nulls=True)
