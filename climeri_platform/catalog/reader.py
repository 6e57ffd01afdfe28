"""The mark of what reads names: by it a night knows whether rows were read as they would be now."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from climeri_platform import __version__
from climeri_platform.core.resources import data_path

__all__ = ["reader_mark"]


@lru_cache(maxsize=1)
def reader_mark() -> str:
    """Return the release, and a mark of the code that makes rows and of the tables of variables.

    The number of a release alone does not tell: a checkout is updated under the same one, and a site
    edits ``catalogs/variables``. Rules of families are compared beside it.

    Examples
    --------
    >>> reader_mark().startswith(__version__)
    True
    """
    code = Path(__file__).parent.glob("*.py")
    tables = data_path("catalogs").glob("variables/*.yaml")
    digest = hashlib.sha256((data_path("catalogs") / "vocabulary.yaml").read_bytes())
    for each in (*sorted(code), *sorted(tables)):
        digest.update(each.read_bytes())
    return f"{__version__} {digest.hexdigest()[:12]}"
