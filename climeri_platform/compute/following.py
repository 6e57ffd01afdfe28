"""A progress bar that works in a terminal and in a notebook."""

from __future__ import annotations

from typing import Any

from climeri_platform.core.extras import needs

__all__ = ["progress"]


def progress(*lazy: Any, label: str = "computing") -> Any:
    """Compute lazy objects with a progress bar, and return the results.

    The bar is a widget in a notebook and a line on stderr in a terminal. With a running client
    (`cluster`) the work goes to its workers, else to threads of this process.

    Parameters
    ----------
    *lazy
        xarray or dask objects, or dictionaries and lists of them. What is not lazy is returned as
        it is.
    label
        What the bar says.

    Returns
    -------
    object
        One result for one argument, a tuple for several.

    Raises
    ------
    ComputeError
        If the cluster lost its workers, most often for want of memory.
    MissingExtra
        If the packages of a cluster are not installed.

    Examples
    --------
    >>> import dask.array as da
    >>> float(progress(da.ones(10).sum()))
    10.0
    """
    with needs("compute", "computing with Dask"):
        import distributed  # noqa: F401 - that it is there is said before anything is computed
        from dask.base import unpack_collections

    collections, repack = unpack_collections(*lazy)
    results = repack(_computed(list(collections), label)) if collections else lazy
    return results[0] if len(lazy) == 1 else tuple(results)


def _computed(collections: list[Any], label: str) -> list[Any]:
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:  # there is none
        return _in_threads(collections, label)
    return _on_client(client, collections, label)


def _in_threads(collections: list[Any], label: str) -> list[Any]:
    import dask
    from tqdm.dask import TqdmCallback

    with TqdmCallback(desc=label, unit="task", leave=False, delay=1):
        return list(dask.compute(*collections))


def _on_client(client: Any, collections: list[Any], label: str) -> list[Any]:
    from distributed import KilledWorker
    from distributed.diagnostics.progressbar import TextProgressBar
    from tqdm.auto import tqdm

    from climeri_platform.core.errors import ComputeError

    class Bar(TextProgressBar):  # type: ignore[misc] # distributed ships no types
        """Distributed's own progress, drawn by tqdm."""

        # the two names are distributed's

        def _draw_bar(self, remaining: int, all: int, **_: Any) -> None:  # noqa: A002
            bar.total = all
            bar.update(all - remaining - bar.n)

        def _draw_stop(self, **_: Any) -> None:
            pass

    futures = client.compute(collections)
    with tqdm(desc=label, unit="task", leave=False, delay=1) as bar:
        Bar(futures, loop=client.loop)
    try:
        return list(client.gather(futures))
    except KilledWorker as problem:
        raise ComputeError(
            f"the workers of the cluster died while computing: {problem}",
            hint="Most often memory: smaller chunks, a shorter period, or a larger cluster.",
        ) from problem
