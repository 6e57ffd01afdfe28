"""A selection for intake-esm."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog.export import export_description, export_frame
from climeri_platform.catalog.narrowing import ROW
from climeri_platform.catalog.replicas import all_here
from climeri_platform.selection.about import variables_asked
from climeri_platform.sites import load_site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # intake's own, at import
    import intake_esm
    import pandas as pd  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from climeri_platform.catalog import CatalogView

__all__ = ["datastore"]

_HELD = "variables_in_file"


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
    if view.contents is not None:
        frame[_HELD] = _held(view, frame["path"], table[view.contents.native])
        control = esmcat["aggregation_control"]
        control["variable_column_name"] = _HELD
        control["aggregations"] = [
            {**each, "attribute_name": _HELD} if each["type"] == "union" else each
            for each in control["aggregations"]
        ]
        esmcat["attributes"].append({"column_name": _HELD, "vocabulary": ""})
    return intake_esm.esm_datastore({"df": frame, "esmcat": esmcat}, sep=".")


def _held(view: CatalogView, paths: Any, native: Any) -> list[list[str]]:
    """Return for each file the variables of it, as it calls them: of a stream those asked for.

    intake-esm makes coordinates of what a file holds beside its variables, so that it has to know
    all of them; it cannot open a stream of several files without.
    """
    streams = variables_asked(view, every=True)
    files = view.files(*ROW, "path")
    mounts = {name: each.mount for name, each in all_here(view).items()}
    its = {
        f"{mounts.get(root)}/{path}": list(streams.get((dataset, version, root), {}))
        for dataset, version, root, path in files.iter_rows()
    }
    return [[name] if name else its[path] for path, name in zip(paths, native, strict=True)]
