"""Datasets of any model under one vocabulary, in one order and in canonical units.

One file for each fix, with its reference; `sequence` has their order, `faults` the known faults of
real models. Everything stays lazy.
"""

from __future__ import annotations

from climeri_platform.access.harmonise.calendars import convert_calendar
from climeri_platform.access.harmonise.measures import attach_measures
from climeri_platform.access.harmonise.sequence import FIXES, harmonise
from climeri_platform.access.harmonise.units import convert
from climeri_platform.access.steps import Step

__all__ = ["FIXES", "Step", "attach_measures", "convert", "convert_calendar", "harmonise"]
