"""The bar of a step that takes long: on a terminal only, after two seconds."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BAR_AFTER", "counting"]

BAR_AFTER = 2.0  # seconds; a shorter step needs no bar


@contextmanager
def counting(title: str, unit: str = "") -> Iterator[Callable[..., None]]:
    """Show a progress bar on a terminal once a step takes long; nothing in a log file.

    Yields
    ------
    callable
        Takes the number done so far, and the total where it is known.
    """
    from tqdm import tqdm

    with tqdm(desc=title, unit=unit, delay=BAR_AFTER, disable=None, leave=False) as bar:

        def follow(done: int, total: int | None = None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield follow
