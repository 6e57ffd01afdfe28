"""From a view to open datasets: the files of each, what was asked of them, a bar that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from climeri_platform.core.errors import UsageError
from climeri_platform.core.extras import needs

if TYPE_CHECKING:
    from climeri_platform.access import Opened
    from climeri_platform.catalog import CatalogView

__all__ = ["open_view"]


def open_view(
    view: CatalogView,
    *,
    period: str | None,
    region: Any,
    recall: bool,
    measures: bool,
    harmonise: bool,
    **options: Any,
) -> Opened:
    """Open the datasets of a view, as `Selection.open` says.

    Raises
    ------
    UsageError
        If the period or the region is none, or measures are wanted of what is not harmonised.
    MissingExtra
        If the packages that read data are not installed.
    """
    with needs("access", "opening data"):
        from climeri_platform.access import open_datasets
        from climeri_platform.access.asked import AskedPeriod, Region
        from climeri_platform.selection.measures import with_measures
        from climeri_platform.selection.reading import files_to_open
    from tqdm.auto import tqdm

    if measures and not harmonise:
        raise UsageError(
            "measures=True with harmonise=False: grids are compared in one vocabulary",
            hint="Leave one of them out.",
        )
    asked = None if period is None else AskedPeriod.parse(period)
    box = None if region is None else Region.parse(region)
    wanted = files_to_open(view, recall=recall, period=asked)
    if measures:
        wanted = with_measures(view, wanted, recall=recall)
    total = sum(len(each.paths) for each in wanted)
    with tqdm(total=total, desc="opening files", unit="", leave=False, delay=2) as bar:

        def follow(done: int) -> None:
            bar.update(done - bar.n)

        return open_datasets(wanted, harmonise=harmonise, region=box, progress=follow, **options)
