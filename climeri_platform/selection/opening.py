"""From views to open datasets: the files of each, what was asked of them, a bar that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from climeri_platform.core.errors import UnknownValue, UsageError, nearest
from climeri_platform.core.extras import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from climeri_platform.access import DatasetFiles, Opened
    from climeri_platform.catalog import CatalogView

    FilesOf = Callable[[CatalogView], list[DatasetFiles]]

__all__ = ["check_variables", "open_gathered", "open_view"]


def open_view(view: CatalogView, **options: Any) -> Opened:
    """Open the datasets of a view, as `Selection.open` says.

    Raises
    ------
    UsageError, MissingExtra
        As `open_gathered`.
    """
    return open_gathered(lambda files_of: files_of(view), **options)


def open_gathered(
    gather: Callable[[FilesOf], list[DatasetFiles]],
    *,
    period: str | None,
    region: Any,
    recall: bool,
    measures: bool,
    harmonise: bool,
    units: Mapping[str, str] | None,
    calendar: str | None,
    **options: Any,
) -> Opened:
    """Open datasets of one or more views as one.

    Parameters
    ----------
    gather
        Returns what is to be opened, from the function that gives the files of a view.
    period, region, recall, measures, harmonise, units, calendar, **options
        As `Selection.open` takes them.

    Raises
    ------
    UsageError
        If the period, the region, units, the calendar or a switch is none, or measures are wanted of what is
        not harmonised.
    MissingExtra
        If the packages that read data are not installed.
    """
    with needs("access", "opening data"):
        from climeri_platform.access import open_datasets
        from climeri_platform.access.asked import AskedPeriod, Region, check_switches
        from climeri_platform.access.harmonise.calendars import check_calendar
        from climeri_platform.access.harmonise.units import check_units
        from climeri_platform.selection.measures import with_measures
        from climeri_platform.selection.reading import files_to_open
    from tqdm.auto import tqdm

    check_switches(recall=recall, measures=measures, harmonise=harmonise)
    if measures and not harmonise:
        raise UsageError(
            "measures=True with harmonise=False: grids are compared in one vocabulary",
            hint="Leave one of them out.",
        )
    check_units(units or {})
    if calendar is not None:
        check_calendar(calendar)
    asked = None if period is None else AskedPeriod.parse(period)
    box = None if region is None else Region.parse(region)

    def files_of(view: CatalogView) -> list[DatasetFiles]:
        wanted = files_to_open(view, recall=recall, period=asked)
        return with_measures(view, wanted, recall=recall) if measures else wanted

    wanted = gather(files_of)
    total = sum(len(each.paths) for each in wanted)
    with tqdm(total=total, desc="opening files", unit="", leave=False, delay=2) as bar:

        def follow(done: int) -> None:
            bar.update(done - bar.n)

        return open_datasets(
            wanted,
            harmonise=harmonise,
            region=box,
            progress=follow,
            units=units,
            calendar=calendar,
            **options,
        )


def check_variables(units: Mapping[str, str] | None, opened: Opened) -> None:
    """Refuse units of variables that nothing has, where all was opened.

    Raises
    ------
    UnknownValue
        With the nearest names.
    """
    if not units or opened.report.having("skipped") or opened.report.having("offline"):
        return
    there = {str(name) for each in opened.values() for name in each.data_vars}
    for name in units:
        if name not in there:
            near = nearest(name, there)
            raise UnknownValue(
                f"units={{{name!r}: {units[name]!r}}}: nothing of the selection has that variable",
                hint=f"Did you mean {' or '.join(near)}?" if near else "",
            )
