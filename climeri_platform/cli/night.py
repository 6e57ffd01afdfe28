"""What is told of a night: ``climeri catalog report``, and what a refresh leaves however it ends."""

from __future__ import annotations

import functools
import json
import logging
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from climeri_platform.cli.questions import JSON, STORE
from climeri_platform.core.errors import ClimeriError, RootsStale, StoreBusy
from climeri_platform.core.settings import setting
from climeri_platform.core.sizes import many, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["report", "watched"]

_LOGGER = logging.getLogger(__name__)
_SHOWN = 10  # lines of a kind; --json prints all


def watched(command: Callable[..., None]) -> Callable[..., None]:
    """Give a refresh the option ``--metrics``, and a report also when it fails.

    Parameters
    ----------
    command
        What click calls, with ``site`` and ``store`` among its options.
    """

    @click.option("--metrics", metavar="FILE.prom", help="Write what Prometheus reads, always.")
    @functools.wraps(command)
    def night(metrics: str | None, **options: Any) -> None:
        if metrics is not None:
            from climeri_platform.catalog.metrics import check_metrics_file

            check_metrics_file(metrics)
        with _telling(options["site"], options["store"], metrics):
            command(**options)

    return night


@contextmanager
def _telling(site: str | None, store: str | None, metrics: str | None) -> Iterator[None]:
    began, clock = datetime.now(UTC), time.perf_counter()
    try:
        yield
    except StoreBusy:
        raise  # what the one that has the store tells is the night's report
    except BaseException as problem:
        code, seconds = _exit_code(problem), time.perf_counter() - clock
        # whatever else goes wrong now, the reason of the failure is what has to be told
        for tell in (_tell_failure, _tell_metrics):
            try:
                tell(site, store, metrics, began, seconds, code, problem)
            except Exception as another:  # noqa: BLE001 - it must not hide the reason
                _LOGGER.warning("%s", getattr(another, "message", another))
        raise
    _tell_metrics(site, store, metrics, began, time.perf_counter() - clock, 0, None)


def _site(site: str | None) -> str:
    from climeri_platform.sites import load_site

    try:
        return load_site(site).site  # not an alias: its metrics would be another site's
    except ClimeriError:
        return setting("site", site)


def _exit_code(problem: BaseException) -> int:
    from climeri_platform.cli.front import INTERNAL, INTERRUPTED

    if isinstance(problem, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    code = getattr(problem, "exit_code", INTERNAL)
    return code if isinstance(code, int) else INTERNAL


def _tell_failure(
    site: str | None,
    store: str | None,
    _: str | None,
    began: datetime,
    seconds: float,
    code: int,
    problem: BaseException,
) -> None:
    if isinstance(problem, RootsStale):
        return  # it is published, and its report says so
    from climeri_platform.catalog.layout import store_path
    from climeri_platform.catalog.reporting import failed_night, write_report

    folder = store_path(store)
    if not (folder / "store.json").is_file():
        return  # no store: somebody else's folder gets no reports from us
    said = str(getattr(problem, "message", "")) or (str(problem) or type(problem).__name__)
    told = failed_night(
        _site(site),
        folder,
        began=began,
        seconds=seconds,
        exit_code=code,
        message="interrupted" if isinstance(problem, KeyboardInterrupt) else said,
        hint=str(getattr(problem, "hint", "")),
    )
    write_report(told, folder)


def _tell_metrics(
    site: str | None,
    store: str | None,
    metrics: str | None,
    began: datetime,
    seconds: float,
    code: int,
    _: BaseException | None,
) -> None:
    if metrics is None:
        return
    from climeri_platform.catalog.layout import store_path
    from climeri_platform.catalog.metrics import night_metrics, write_metrics
    from climeri_platform.catalog.reporting import last_published

    try:
        last = last_published(store_path(store))
    except ClimeriError as problem:
        last = None
        _LOGGER.warning("%s; the metrics say nothing of the roots", problem.message)
    registry = night_metrics(last, site=_site(site), began=began, seconds=seconds, exit_code=code)
    write_metrics(metrics, registry)


@click.command("report")
@click.argument("snapshot", required=False)
@STORE
@click.option("--html", metavar="FILE", help="Write it as a page, and print nothing.")
@JSON
def report(snapshot: str | None, store: str | None, html: str | None, as_json: bool) -> None:
    """Print the report of the last refresh, or of the one that published SNAPSHOT."""
    from climeri_platform.catalog.page import night_page
    from climeri_platform.catalog.reporting import read_report

    told = read_report(store, snapshot)
    if html is not None:
        try:
            Path(html).write_text(night_page(told), encoding="utf-8")
        except OSError as problem:
            raise ClimeriError(
                f"the page cannot be written to {html}: {problem.strerror or problem}",
                hint="Name a file in a folder that you may write to.",
            ) from problem
    if as_json:
        click.echo(json.dumps(told, indent=2))
    elif html is None:
        for line in _lines(told):
            click.echo(line)


def _lines(report: dict[str, Any]) -> Iterator[str]:
    from climeri_platform.catalog.page import complete_report, duration_text, verdict

    told = complete_report(report)
    took = duration_text(told["seconds"])
    yield f"{told['site']}, {told['store']}: refresh of {told['began']}, {took}"
    if verdict(told) == "failed":
        failure = told["failure"] or {"exit_code": "?", "message": "nothing was said", "hint": ""}
        yield f"failed, exit code {failure['exit_code']}: {failure['message']}"
        if failure["hint"]:
            yield failure["hint"]
        yield f"readers have {told['previous'] or 'nothing yet'}"
        return
    yield f"published {told['snapshot']}; before it {told['previous'] or 'nothing'}"
    yield from (f"as it was: {each}" for each in told["problems"])
    for root in told["roots"]:
        yield from _root(root)
    yield from _changes(told["changes"])
    yield from _duplicated(told)
    for each in told["bytes_by_model"][:_SHOWN]:
        names = " ".join(filter(None, (each["family"], each["institution"], each["model"])))
        yield f"{size_text(each['size']):>10}  {each['files']:>9,} files  {names}"
    if (more := len(told["bytes_by_model"]) - _SHOWN) > 0:
        yield f"and {more} more models; --json prints all"


def _root(root: dict[str, Any]) -> Iterator[str]:
    from climeri_platform.catalog.night import UNCOUNTED
    from climeri_platform.catalog.page import duration_text

    state = root["state"] + (f" since {root['stale']}" if root["stale"] else "")
    yield f"{root['root_id']} ({root['family']}), {root['mount']}: {state}"
    if root["state"] in UNCOUNTED:
        yield f"  {UNCOUNTED[root['state']]}"
        return
    files, datasets = many(root["catalogued"], "file"), many(root["datasets"], "dataset")
    yield (
        f"  {files}, {size_text(root['size'])}, {datasets}; "
        f"{root['new']:,} new, {root['changed']:,} changed, "
        f"{root['gone']:,} gone, {root['carried']:,} kept unseen; {duration_text(root['seconds'])}"
    )
    if root["pending"]:
        yield f"  {root['pending']:,} directories left for the next night"
    if unlisted := root.get("unlisted"):  # older reports do not say it
        yield f"  {unlisted:,} directories not listed: nobody changed them"
    for code, count in root["reasons"].items():
        yield f"  rejected, {code}: {count:,}, such as {root['examples'].get(code, '')}"
    yield from _pairs("not readable", root, "unreadable")
    yield from _shown([f"  looks wrong: {each}" for each in root["notes"]], len(root["notes"]))
    if root["headers_problem"]:
        yield f"  no header was read: {root['headers_problem']}"
    if root["headers"] or root["headers_left"]:
        yield f"  {root['headers']:,} headers read, {root['headers_left']:,} left for later"
    yield from _pairs("header not readable", root, "headers_failed")
    yield from _pairs("header contradicts", root, "contradictions")


def _changes(changes: list[dict[str, Any]]) -> Iterator[str]:
    from climeri_platform.catalog.page import KINDS

    for change in changes:
        counts = [f"{change['numbers'][kind]:,} {name}" for kind, name in KINDS.items()]
        yield f"{change['family']}: {', '.join(each for each in counts if each[:2] != '0 ')}"


def _duplicated(told: dict[str, Any]) -> Iterator[str]:
    from climeri_platform.catalog.page import cut

    if count := told["duplicated_count"]:
        number = cut(many(count, "dataset"), told["duplicated"], count)
        freed = size_text(told["duplicated_size"])
        yield f"{number} at several roots; one copy of each file less: {freed}"


def _pairs(said: str, root: dict[str, Any], kind: str) -> Iterator[str]:
    lines = [f"  {said}: {': '.join(each)}" for each in root[kind]]
    yield from _shown(lines, root[f"{kind}_count"])


def _shown(lines: list[str], count: int) -> Iterator[str]:
    from climeri_platform.catalog.page import cut

    yield from lines[:_SHOWN]
    if count > _SHOWN:
        all_of_them = "all" if count <= len(lines) else f"{len(lines):,} of them"
        more = cut(f"{count - _SHOWN:,}", lines, count)
        yield f"  and {more} more; --json prints {all_of_them}"
