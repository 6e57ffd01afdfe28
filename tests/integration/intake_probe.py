"""What another version of intake-esm makes of our export; runs in its own environment.

Takes a JSON of questions, prints a JSON of answers. It imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")  # theirs

import dask  # noqa: E402
import intake  # noqa: E402
import intake_esm  # noqa: E402


def grouped(catalog) -> dict[str, list[str]]:
    """Return each key's paths."""
    return {key: sorted(catalog[key].df["path"]) for key in catalog.keys()}  # noqa: SIM118 - not a dict


def main() -> None:
    """Answer."""
    asked = json.loads(sys.argv[1])
    dask.config.set(scheduler="synchronous")  # netCDF4 dies in threads, and they open files in them
    store = Path(asked["export"])
    catalog = intake.open_esm_datastore(str(store / asked["name"]), sep=".")
    answers = {
        "version": intake_esm.__version__,
        "rows": len(catalog.df),
        "groups": grouped(catalog),
        "found": [sorted(catalog.search(**each).df["path"]) for each in asked["queries"]],
    }
    one = catalog.search(**asked["open"])
    (opened,) = one.to_dataset_dict(progressbar=False, threaded=False).values()
    field = opened[asked["variable"]]
    answers["lazy"] = field.chunks is not None
    answers["times"] = int(opened.sizes["time"])
    answers["mean"] = float(field.mean().compute(scheduler="synchronous"))
    master = intake.open_catalog(str(store / "master_latest.yml"))
    listed = [name for name in master if name.endswith("-csv") == asked["csv"]]
    answers["master"] = sorted(master)
    answers["sources"] = {
        name: [type(master[name]).__name__, len(master[name].df)] for name in listed
    }
    print(json.dumps(answers))  # noqa: T201 - what it prints is its result


main()
