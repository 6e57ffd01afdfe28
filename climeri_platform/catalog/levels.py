"""Reading paths as columns: each value of a level once, whatever number of paths it stands in.

That is enough where a template is plain: each level of a directory is one facet, and a file's name
repeats some of them with ``_`` between, and closes with the time. No pattern may match what stands
between then, so that there is one way only to read a path, and each facet can be read by itself.
Paths that are not what the first template of a family says are left to `catalog.parsing`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.templates import FACET, TIME_RANGE, is_context_free

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from climeri_platform.catalog.family import Family, Rejected

    Spans = Callable[[str | None], "tuple[int | None, int | None] | Rejected"]

__all__ = ["Levels"]

_NAME = re.compile(r"(<\w+>(?:_<\w+>)*)(?:\[_<time_range>\])?\.nc")
_PLACE = "run"  # files that follow one another in one directory: its number
_TIMES = ("time_range", "start", "end")


class Levels:
    """The first template of a family, read facet by facet.

    Parameters
    ----------
    rules
        The archive family.
    above
        The levels of the root itself.
    span
        Says start and end of a time range, or why it is none.
    """

    def __init__(self, rules: Family, above: Sequence[str], span: Spans) -> None:
        self._rules = rules
        self._span = span
        tree = rules.trees[0]
        patterns = {**rules.patterns, **tree.patterns}
        self._levels = [each[1:-1] for each in tree.directories[0].split("/")]
        self._above = "".join(f"{each}/" for each in above[-len(self._levels) :])
        name = _NAME.fullmatch(tree.files[0])
        self._stem = FACET.findall(name[1]) if name else []
        time = patterns.get("time_range", TIME_RANGE)
        self.holds = self._is_plain(tree.directories[0], patterns, time)
        """Whether the template is plain; nothing can be read otherwise."""
        if self.holds:
            self._regex = {
                each: re.compile(patterns[each], re.ASCII) if each in patterns else None
                for each in self._levels
            }
            timed = f"(?:_({time}))?" if "[" in tree.files[0] else "()"
            self._rest = re.compile(rf"{timed}\.nc4?", re.ASCII)

    def _is_plain(self, directory: str, patterns: dict[str, str], time: str) -> bool:
        levels, stem = self._levels, self._stem
        return (
            all(FACET.fullmatch(each) for each in directory.split("/"))
            and len({*levels}) == len(levels)
            and "time_range" not in levels
            and bool(stem)
            and len({*stem}) == len(stem)
            and {*stem} <= {*levels}
            and all(is_context_free(patterns[each]) for each in levels if each in patterns)
            and all(each in patterns and "_" not in patterns[each] for each in stem)
            and is_context_free(time)
            and "_" not in time
        )

    def read(self, paths: pl.Series) -> pl.DataFrame:
        """Return what those paths say that follow the template.

        Parameters
        ----------
        paths
            Relative to the root; those of one directory best together.

        Returns
        -------
        polars.DataFrame
            ``at``, the place of the path in ``paths``, ascending; the facets, and the times.
        """
        files = self._split(paths)
        runs = self._meant(files.unique(_PLACE, keep="first", maintain_order=True))
        files = files.select(_PLACE, "at", "name").join(
            runs.select(_PLACE, "stem"), on=_PLACE, maintain_order="left"
        )
        files = files.filter(pl.col("name").str.starts_with(pl.col("stem"))).select(
            _PLACE, "at", rest=pl.col("name").str.slice(pl.col("stem").str.len_chars())
        )
        files = files.join(self._times(files["rest"].unique()), on="rest", maintain_order="left")
        said = files.select(_PLACE, "at", *_TIMES).join(
            runs.drop("stem"), on=_PLACE, maintain_order="left"
        )
        return said.drop(_PLACE)

    def _split(self, paths: pl.Series) -> pl.DataFrame:
        """Return the directory of paths, and the name with a slash before it; "" if there is none."""
        frame = pl.DataFrame({"path": paths}).with_row_index("at")
        frame = frame.with_columns(folder=pl.col("path").str.replace("/[^/]*$", ""))
        return frame.with_columns(
            pl.col("folder").rle_id().alias(_PLACE),
            name=pl.col("path").str.strip_prefix(pl.col("folder")),
        )

    def _meant(self, runs: pl.DataFrame) -> pl.DataFrame:
        """Return what directories mean: the facets, and how the names in them begin."""
        split = (pl.lit(self._above) + pl.col("folder")).str.split("/").alias("folder")
        depth = len(self._levels)
        table = (
            runs.select(_PLACE, split)
            .select(
                _PLACE,
                *(
                    pl.col("folder").list.get(at - depth, null_on_oob=True).alias(each)
                    for at, each in enumerate(self._levels)
                ),
            )
            .drop_nulls()
        )
        for each, regex in self._regex.items():
            values = table[each].unique()
            wrong = [value for value in values if not (regex.fullmatch(value) if regex else value)]
            if wrong:
                table = table.filter(~pl.col(each).is_in(wrong))
        table = table.with_columns(stem="/" + pl.concat_str(self._stem, separator="_"))
        return self._derived(table)

    def _derived(self, table: pl.DataFrame) -> pl.DataFrame:
        """Do what `Family.derive` does, once for all rows that say the same to it."""
        rules, columns = self._rules, table.columns
        how = [*([rules.frequency] if rules.frequency else []), *rules.derived.values()]
        names = [*rules.constants, *(["frequency"] if rules.frequency else []), *rules.derived]
        asks = dict.fromkeys(each for one in how for each in one.asks)
        given = [each for each in {**asks, **dict.fromkeys(names)} if each in columns]
        found = []
        for case in table.select(given).unique().iter_rows(named=True) if given else [{}]:
            facets = dict(case)
            rules.derive(facets)
            found.append([*case.values(), *(facets.get(each) for each in names)])
        made = [f"made {each}" for each in names]
        derived = pl.DataFrame(found, dict.fromkeys([*given, *made], pl.String), orient="row")
        table = (
            table.join(derived, on=given, maintain_order="left")
            if given
            else table.join(derived, how="cross")
        )
        table = table.with_columns(
            pl.col(new).alias(old) for new, old in zip(made, names, strict=True)
        )
        missing = [each for each in rules.facets if each not in table.columns]
        return table.with_columns(pl.lit(None, pl.String).alias(each) for each in missing).select(
            _PLACE, "stem", *rules.facets
        )

    def _times(self, rests: pl.Series) -> pl.DataFrame:
        """Return the times that ends of names say; none for those that say no valid one."""
        found = []
        for rest in rests:
            if match := self._rest.fullmatch(rest):
                span = self._span(match[1] or None)
                if isinstance(span, tuple):
                    found.append((rest, match[1] or None, *span))
        schema = {"rest": pl.String, "time_range": pl.String, "start": pl.Int64, "end": pl.Int64}
        return pl.DataFrame(found, schema, orient="row")
