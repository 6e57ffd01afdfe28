"""Datasets of several catalogs, opened as one."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from climeri_platform.access import IncompleteDataWarning, Opened, OpenReport
from climeri_platform.core.errors import DataError
from climeri_platform.selection.opening import check_variables, open_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.catalog.union import Located

__all__ = ["open_together"]


def open_together(parts: Sequence[Located], options: Mapping[str, Any]) -> Opened:
    """Open what each catalog has, under keys that say which catalog it is.

    Parameters
    ----------
    parts
        The catalogs.
    options
        As `Selection.open` takes them.

    Raises
    ------
    DataError
        If nothing could be opened, or at the first defect with ``on_error="raise"``.
    """
    datasets: dict[str, Any] = {}
    facets: dict[str, dict[str, str]] = {}
    report = OpenReport()
    failed: DataError | None = None
    for part in parts:
        if not len(part.view):
            continue
        try:
            opened = open_view(part.view, **options)
        except DataError as problem:
            if options["on_error"] == "raise":
                raise
            failed = failed or problem
            said = {"cause": problem.message, "remedy": problem.hint}
            report.add(f"{part.family}:", "skipped", **said)
            continue
        keys = {key: _unlike(f"{part.family}:{key}", part.store, datasets) for key in opened}
        for key, dataset in opened.items():
            dataset.attrs["climeri_catalog"] = part.family
            dataset.attrs["climeri_store"] = str(part.view.snapshot.store)
            datasets[keys[key]] = dataset
            facets[keys[key]] = opened.facets[key]
        for each in opened.report:
            its = keys.get(each.dataset, f"{part.family}:{each.dataset}")
            report.entries.append(replace(each, dataset=its))
    if failed is not None:
        if not datasets:
            raise failed
        warnings.warn(f"{report}", IncompleteDataWarning, stacklevel=2)
    opened = Opened(datasets, report, facets)
    check_variables(options["units"], opened)
    return opened


def _unlike(key: str, store: str, taken: dict[str, Any]) -> str:
    return f"{key}@{store}" if key in taken else key
