"""Where the data files of the project are: in the checkout, or in the installed wheel."""

from __future__ import annotations

from pathlib import Path

from climeri_platform.core.errors import ClimeriError

__all__ = ["data_path"]

# The wheel force-includes these folders under `_data`; an editable checkout has them in place.
_IN_CHECKOUT = {
    "catalogs": "catalogs",
    "hub": "deploy/hub",
    "notebooks": "notebooks",
    "sites": "deploy/sites",
}


def data_path(name: str) -> Path:
    """Return the folder of data files called ``name``.

    Parameters
    ----------
    name
        ``catalogs``, ``hub``, ``notebooks`` or ``sites``.

    Returns
    -------
    pathlib.Path
        An existing folder; to be read, never written.

    Raises
    ------
    ClimeriError
        If the installation is incomplete.

    Examples
    --------
    >>> data_path("catalogs").is_dir()
    True
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_data" / name, package.parent / _IN_CHECKOUT[name]):
        if folder.is_dir():
            return folder
    raise ClimeriError(
        f"the data folder {name!r} of climeri_platform is missing beside {package}",
        hint="The installation is incomplete: install climeri-platform again.",
    )
