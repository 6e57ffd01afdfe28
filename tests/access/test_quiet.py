"""Warnings that are kept from users come back when the block ends, whatever threads do."""

from __future__ import annotations

import warnings
from threading import Event, Thread

from climeri_platform.access.quiet import quiet


def test_the_filters_are_what_they_were():
    before = list(warnings.filters)
    first_in, second_in, first_out = Event(), Event(), Event()

    def first():
        with quiet(RuntimeWarning):
            first_in.set()
            second_in.wait(0.2)  # in vain: the second is let in when this one is out
        first_out.set()

    def second():
        first_in.wait(10)
        with quiet(DeprecationWarning):
            second_in.set()
            first_out.wait(10)

    threads = [Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert warnings.filters == before
