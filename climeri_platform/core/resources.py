"""Where the data files of the project are: in the checkout, or in the installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from climeri_platform.core.errors import ClimeriError

__all__ = ["data_path", "read_yaml"]

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


def read_yaml(path: Path) -> Any:
    """Return what a table of the project says.

    Parameters
    ----------
    path
        In a folder of `data_path`. By libyaml, where PyYAML was built with it: each process that
        opens a dataset reads such tables, and in Python that takes longer than the dataset.

    Examples
    --------
    >>> sorted(read_yaml(data_path("catalogs") / "units.yaml"))[-1]
    'words'
    """
    import yaml  # the front door needs none

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - both are safe
