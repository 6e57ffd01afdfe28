"""A selection for intake-esm."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog.export import export_description, export_frame
from climeri_platform.catalog.replicas import all_here
from climeri_platform.sites import load_site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # intake's own, at import
    import intake_esm
    import pandas as pd  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from climeri_platform.catalog import CatalogView

__all__ = ["datastore"]


def datastore(view: CatalogView) -> Any:
    """Return the files of a view as an ``intake_esm.esm_datastore``.

    Parameters
    ----------
    view
        What to hand over.

    Raises
    ------
    NotHere
        If a dataset has no replica here.
    """
    site = load_site()
    table = export_frame(view.files(), view.family, all_here(view))
    described = export_description(view.snapshot, view.family.family, site.site)
    esmcat = described[f"{view.family.family}.json"]
    del esmcat["catalog_file"]
    frame = pd.DataFrame({name: table[name].to_list() for name in table.columns})
    return intake_esm.esm_datastore({"df": frame, "esmcat": esmcat}, sep=".")
