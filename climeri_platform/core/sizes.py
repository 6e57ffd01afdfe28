"""Numbers of bytes and of things, as people write them."""

from __future__ import annotations

__all__ = ["many", "size_text"]


def many(count: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    Parameters
    ----------
    count
        How many.
    one, several
        The noun; by default the plural takes an s.

    Examples
    --------
    >>> many(1, "file"), many(1200, "file"), many(2, "directory", "directories")
    ('1 file', '1,200 files', '2 directories')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def size_text(count: float) -> str:
    """Return a number of bytes as people write it.

    Examples
    --------
    >>> size_text(1234567)
    '1.2 MB'
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
