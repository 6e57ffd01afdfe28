"""Engines: how bytes become arrays.

An engine reads the `Header` of one place: names, attributes, and arrays of which any part is read later,
by any number of threads, here or in another process. What it reads is not decoded.
"""
