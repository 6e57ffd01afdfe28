"""Which datasets of several archive families belong together."""

from __future__ import annotations

import dask
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.grouping import agree, clusters
from climeri_platform.access.members import stack_members
from climeri_platform.access.merging import merge_variables

CMIP6 = {
    "family": "CMIP6",
    "model": "IPSL-CM6A-LR",
    "experiment": "historical",
    "frequency": "mon",
    "variable": "tas",
    "table": "Amon",
    "grid": "gr",
    "institution": "IPSL",
    "activity": "CMIP",
}
MINE = {
    "family": "Mine",
    "model": "IPSL-CM6A-LR",
    "experiment": "historical",
    "frequency": "mon",
    "variable": "tas",
    "product": "Analyse",
    "job_name": "hist-33",
}
NEEDED = ("model", "experiment", "frequency")


def test_what_only_one_family_says_does_not_keep_them_apart():
    assert agree(CMIP6, MINE, but=(), needed=NEEDED)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "CNRM-CM6-1"},
        {"experiment": "amip"},
        {"frequency": "day"},
        {"variable": "pr"},
        {"table": "Emon"},
        {"grid": "gn"},
        {"institution": "IPSL-LSCE"},
        {"frequency": ""},
        {"domain": "EUR-11"},
        {"driving_model": "CNRM-CM6-1"},
        {"member": "r1i1p1f1"},  # where the other has none
    ],
)
def test_one_word_that_both_say_and_that_differs_does(other):
    assert not agree(CMIP6, {**MINE, **other}, but=(), needed=NEEDED)
    assert not agree({**MINE, **other}, CMIP6, but=(), needed=NEEDED)


words = st.fixed_dictionaries(
    {
        "family": st.sampled_from(["CMIP6", "Mine", "Yours"]),
        "model": st.sampled_from(["A", "B"]),
        "experiment": st.just("historical"),
        "frequency": st.just("mon"),
        "variable": st.just("tas"),
    },
    optional={"grid": st.sampled_from(["gn", "gr"]), "table": st.sampled_from(["Amon", "Emon"])},
)


@given(st.lists(words, max_size=9, unique_by=lambda its: tuple(sorted(its.items()))))
def test_each_group_is_in_one_place_and_nothing_is_guessed(groups):
    found = list(clusters([(each, None) for each in groups], but=(), variable=True))
    places = [at for together, _ in found for at in together]
    assert sorted(places) == list(range(len(groups)))
    for together, rivals in found:
        its = [groups[at] for at in together]
        assert len({each["family"] for each in its}) == len(its)
        assert all(
            agree(one, other, but=(), needed=NEEDED)
            for one in its
            for other in its
            if one is not other
        )
        assert not rivals or len(together) == 1
    # in any order the same
    turned = [(each, None) for each in reversed(groups)]
    again = {
        frozenset(len(groups) - 1 - at for at in together)
        for together, _ in clusters(turned, but=(), variable=True)
    }
    assert again == {frozenset(together) for together, _ in found}


families = st.lists(
    st.tuples(
        st.sampled_from(["CMIP6", "Mine"]),
        st.integers(1, 4),
        st.sampled_from(["tas", "pr"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda each: each[:3],
)


@given(families, st.booleans())
def test_every_dataset_is_in_one_result_with_its_values(field, held, stacks):
    """Whatever is stacked or merged across families, nothing vanishes and nothing is there twice."""
    datasets, known, level = {}, {}, {}
    for number, (family, member, variable, other_grid) in enumerate(held):
        key = f"{family}:run.r{member}i1p1f1.mon.{variable}"
        lat = (-60.0, 0.0, 60.0) if other_grid else (-45.0, 45.0)
        level[key] = 1000.0 * (number + 1)
        datasets[key] = field(level[key], name=variable, lat=lat)
        base = CMIP6 if family == "CMIP6" else MINE
        known[key] = {**base, "variable": variable, "member": f"r{member}i1p1f1"}
    way = stack_members if stacks else merge_variables

    def never(*_, **__):
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=never):
        result = way(datasets, known)
    made = [key for keys in result.made_of.values() for key in keys]
    assert sorted(made) == sorted(datasets)
    assert set(result.datasets) == set(result.made_of) == set(result.facets)
    for new, old in result.made_of.items():
        for key in old:
            each = result.datasets[new][known[key]["variable"]]
            if "member" in each.dims:
                each = each.sel(member=known[key]["member"])
            np.testing.assert_array_equal(each[0], np.full(each.sizes["lat"], level[key]))
        assert new.partition(":")[0] == "+".join(
            dict.fromkeys(key.partition(":")[0] for key in old)
        )
