"""Where a header contradicts the name of its file, or nobody read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from climeri_platform.core.errors import UsageError
from climeri_platform.core.timespan import TimeSpan, parse_time_range

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ATTRIBUTES", "ON_TAPE", "contradiction"]

ON_TAPE = "it is on tape, and was not opened"
"""The problem of a file that is not on disk."""

# facet -> the global attributes that say the same; the first that a file has is compared
_SAID_BY: dict[str, tuple[str, ...]] = {
    "activity_id": ("activity_id",),
    "branding_suffix": ("branding_suffix",),
    "domain": ("CORDEX_domain", "domain_id"),
    "domain_id": ("domain_id",),
    "driving_experiment_id": ("driving_experiment_id",),
    "driving_model": ("driving_model_id",),
    "driving_source_id": ("driving_source_id",),
    "driving_variant_label": ("driving_variant_label",),
    "experiment": ("experiment_id",),
    "experiment_id": ("experiment_id",),
    "frequency": ("frequency",),
    "grid_label": ("grid_label",),
    "institute": ("institute_id", "institution_id"),
    "institution_id": ("institution_id",),
    "mip_era": ("mip_era",),
    "model": ("source_id", "model_id"),
    "rcm_model": ("model_id",),
    "rcm_version": ("rcm_version_id",),
    "realm": ("realm", "modeling_realm"),
    "region": ("region",),
    "source_id": ("source_id",),
    "table": ("table_id",),
    "table_id": ("table_id",),
    "variable_id": ("variable_id",),
    "version_realization": ("version_realization",),
}
_MEMBER = ("member_id", "variant_label", "ensemble", "member")
_PARTS = ("realization", "initialization_method", "physics_version")
ATTRIBUTES = tuple(
    sorted(
        {each for names in _SAID_BY.values() for each in names}
        | {*_PARTS, "variant_label", "sub_experiment_id", "driving_model_ensemble_member"}
    )
)
# least and largest mean distance of two steps, in days, of what is called so
_APART = {
    "dec": (3590.0, 3660.0),
    "yr": (358.0, 368.0),
    "mon": (27.9, 31.1),
    "day": (0.99, 1.01),
    "6hr": (0.249, 0.251),
    "3hr": (0.124, 0.126),
    "1hr": (0.041, 0.042),
}


def contradiction(expected: Mapping[str, Any], header: Mapping[str, Any]) -> str | None:
    """Return what a header says otherwise than the name of its file.

    Parameters
    ----------
    expected
        ``variable`` and the facets of the name; ``frequency`` and ``time_range`` are compared with
        the time axis. A facet that is missing or None is not compared.
    header
        What `read_header` returned.

    Returns
    -------
    str or None
        Each difference in words, with "; " between; None where there is none.

    Examples
    --------
    >>> contradiction({"table_id": "day"}, {"attributes": {"table_id": "Amon"}})
    'table_id: day in the name, Amon in the file'
    """
    found = []
    holds = header.get("holds")
    if holds is not None:
        shown = ", ".join(holds[:5]) + (", ..." if len(holds) > 5 else "")
        found.append(f"variable: {expected['variable']} in the name, {shown or 'none'} in the file")
    attributes = header.get("attributes") or {}
    for facet, value in expected.items():
        if value is None or (facet == "frequency" and "frequency" not in attributes):
            continue
        said = _member(attributes) if facet in _MEMBER else _said(facet, attributes)
        if said and not _same(facet, str(value), said):
            found.append(f"{facet}: {value} in the name, {said} in the file")
    return "; ".join(dict.fromkeys([*found, *_of_time(expected, header)])) or None


def _said(facet: str, attributes: Mapping[str, str]) -> str:
    return next((attributes[each] for each in _SAID_BY.get(facet, ()) if each in attributes), "")


def _member(attributes: Mapping[str, str]) -> str:
    if "driving_model_ensemble_member" in attributes:
        return attributes["driving_model_ensemble_member"]
    if "variant_label" in attributes:
        start = attributes.get("sub_experiment_id", "none")
        label = attributes["variant_label"]
        return label if start in ("none", "") else f"{start}-{label}"
    parts = [attributes.get(each, "") for each in _PARTS]
    return "r{}i{}p{}".format(*parts) if all(each.isdigit() for each in parts) else ""


def _plain(text: str) -> str:
    # ACCESS1.0 is ACCESS1-0, and fio-esm is FIO-ESM
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _same(facet: str, value: str, said: str) -> bool:
    if facet in ("table", "table_id"):
        # in CMIP5 the word Table, the name, and a date
        said = re.sub(r"^Table\s+(\S+).*", r"\1", said)
    if facet == "frequency":
        value, said = value.removesuffix("Pt"), said.removesuffix("Pt")
    if facet in ("activity_id", "realm") and value in said.split():
        return True
    ours, theirs = _plain(value), _plain(said)
    if facet in ("rcm_model", "driving_model", "model", "member_id", "variant_label"):
        # <institute>-<model> in the name, the model alone in the file; s1980-r1i1p1f1 likewise
        return bool(theirs) and (ours.endswith(theirs) or theirs.endswith(ours))
    return ours == theirs


def _of_time(expected: Mapping[str, Any], header: Mapping[str, Any]) -> list[str]:
    found = []
    if header.get("backwards"):
        found.append("time: its last step is before its first")
    apart, frequency = header.get("apart"), str(expected.get("frequency") or "").removesuffix("Pt")
    if apart is not None and frequency in _APART:
        least, most = _APART[frequency]
        if not least <= apart <= most:
            found.append(
                f"steps: {frequency} in the name, {header['steps']} steps in the file, one in "
                f"{apart:.4g} days"
            )
    start, end = header.get("start_in_file"), header.get("end_in_file")
    if start is not None and end is not None and expected.get("time_range"):
        try:
            span = parse_time_range(expected["time_range"])
        except UsageError:
            return found  # a range that follows no rule is the name's own affair
        if not span.climatology and not _covers(span, header):
            found.append(f"period: {expected['time_range']} in the name, {start}-{end} in the file")
    return found


def _covers(span: TimeSpan, header: Mapping[str, Any]) -> bool:
    """Say whether a file covers what its name says, as precisely as the name says it.

    The name may mean what the bounds cover or the times of the steps. Stamps without bounds may
    stand at either end of their step, and so may the hours in a name: one unit more or less is no
    difference then.
    """
    digits = min(span.digits, 8)
    allowed = 0 if header.get("bounded") and span.digits <= 8 else 1
    pairs = ((span.start, "start_in_file", "first"), (span.end, "end_in_file", "last"))
    return all(
        any(
            abs(_units(named, digits) - _units(header[each], digits)) <= allowed
            for each in real
            if header.get(each) is not None
        )
        for named, *real in pairs
    )


def _units(moment: int, digits: int) -> int:
    """Return years, months or days since the year 0, a month of any calendar having 31 days."""
    year, month, day = moment // 10**8, moment // 10**6 % 100, moment // 10**4 % 100
    if digits == 4:
        return year
    months = year * 12 + month - 1
    return months if digits == 6 else months * 31 + day
