"""What questions to a selection return: tables that a notebook shows."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from climeri_platform.core.errors import NothingFound
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from matplotlib.axes import Axes

    from climeri_platform.selection.selection import Selection

__all__ = ["Coverage", "Pairs", "facets_html"]

_SHOWN = 8  # values of a facet in the HTML view


@dataclass(frozen=True, repr=False, eq=False)
class Pairs:
    """Datasets and their partners, and those that have none.

    Attributes
    ----------
    table
        ``dataset``, ``partner`` (null if there is none) and ``reason``.
    datasets
        The datasets that have a partner, as a selection.
    partners
        Their partners, as a selection; of another catalog for `Selection.driving_gcm`.
    """

    table: pl.DataFrame
    datasets: Selection
    partners: Selection

    @property
    def keys(self) -> list[tuple[str, str]]:
        """The pairs of keys."""
        found = self.table.drop_nulls("partner")
        return list(found.select("dataset", "partner").iter_rows())

    @property
    def unmatched(self) -> dict[str, str]:
        """Keys without a partner, each with the reason."""
        rows = self.table.filter(self.table["partner"].is_null())
        return dict(rows.select("dataset", "reason").iter_rows())

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return (
            f"<{many(len(self), 'pair')}, {many(len(self.unmatched), 'dataset')} without a partner>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self)[1:-1])}</p>{_html(self.table)}"


@dataclass(frozen=True, repr=False, eq=False)
class Coverage:
    """The availability matrix of a selection.

    Attributes
    ----------
    table
        A row for each model, experiment, table (or frequency) and variable, and for its
        ``climatology``, which has a span and no years: ``members``,
        ``whole`` (how many of them have no hole and all the years of the longest), ``first`` and
        ``last`` year, ``years`` with data, ``holes``, ``files`` and ``size``.
    title
        What was asked.
    """

    table: pl.DataFrame
    title: str

    def __len__(self) -> int:
        return self.table.height

    def __repr__(self) -> str:
        return f"<coverage of {self.title}: {len(self)} cells>\n{self.table}"

    def cells(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the matrix: (model, what) to the cell's values, in the order of the table."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self.table.iter_rows(named=True):
            parts = [row["experiment"], row["table"], row["variable"]]
            what = " ".join(str(each) for each in parts if each is not None)
            if row["climatology"]:
                what += " climatology"
            found[str(row["model"]), what] = row
        return found

    def _repr_html_(self) -> str:
        cells = self.cells()
        rows = list(dict.fromkeys(model for model, _ in cells))
        columns = sorted(dict.fromkeys(what for _, what in cells))
        head = "".join(f"<th>{escape(each)}</th>" for each in columns)
        body = ""
        for model in rows:
            inner = "".join(_cell(cells.get((model, each))) for each in columns)
            body += f"<tr><td style='text-align:left'><b>{escape(model)}</b></td>{inner}</tr>"
        return (
            f"<p>{escape(self.title)}<br><small>years with data, members; * has holes</small></p>"
            f"<table><tr><th></th>{head}</tr>{body}</table>"
        )

    def picture(self, *, ax: Axes | None = None) -> Axes:
        """Draw the matrix.

        Parameters
        ----------
        ax
            Axes to draw on, instead of a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            A notebook shows ``coverage.picture().figure``.

        Raises
        ------
        NothingFound
            If there is nothing to draw.
        MissingExtra
            If the packages that draw are not installed.
        """
        if not len(self):
            raise NothingFound(f"there is nothing to draw: {self.title}")
        from climeri_platform.figures import availability

        values = {
            place: (row["years"], row["members"], bool(row["holes"]))
            for place, row in self.cells().items()
        }
        return availability(values, title=self.title, ax=ax)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "<td>·</td>"
    years = "fixed" if row["years"] is None else f"{row['years']}"
    if row["climatology"]:
        years = "climatology"
    star = "*" if row["holes"] else ""
    span = "" if row["first"] is None else f"{row['first']}-{row['last']}"
    told = escape(" ".join(filter(None, [span, row["holes"] and f"holes: {row['holes']}"])))
    return f"<td title='{told}'>{years}{star}, {row['members']}</td>"


def _html(table: pl.DataFrame) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in table.columns)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:left'>{escape('' if each is None else str(each))}</td>"
            for each in row
        )
        + "</tr>"
        for row in table.head(200).iter_rows()
    )
    more = f"<p>… {table.height - 200} more</p>" if table.height > 200 else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"


def facets_html(facets: Mapping[str, Mapping[str, int]]) -> str:
    """Return a table of facets: how many values each has, and the first of them."""
    rows = ""
    for facet, values in facets.items():
        names = list(values)
        more = f" … {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        shown = escape(", ".join(names[:_SHOWN]) + more)
        rows += (
            f"<tr><td style='text-align:left'><b>{escape(facet)}</b></td>"
            f"<td>{len(names)}</td><td style='text-align:left'>{shown}</td></tr>"
        )
    return f"<table>{rows}</table>"
