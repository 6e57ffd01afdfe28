"""Maps and series, ready for a talk. The only room that draws.

Nothing here touches pyplot: figures are plain objects, shown by a notebook when a cell ends with
one (``map_of(field).figure``), saved by ``figure.savefig``, and gone when nobody holds them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from climeri_platform.core.errors import MissingExtra

if TYPE_CHECKING:
    from climeri_platform.figures.availability import availability
    from climeri_platform.figures.lines import series
    from climeri_platform.figures.maps import map_of

__all__ = ["availability", "map_of", "series"]

_MODULES = {"availability": "availability", "map_of": "maps", "series": "lines"}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    try:
        value = getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as missing:
        raise MissingExtra(
            f"climeri_platform.figures.{name} needs the package {missing.name!r}",
            hint="Install it with: pip install 'climeri-platform[figures]'",
        ) from missing
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
