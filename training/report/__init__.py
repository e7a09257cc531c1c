"""A run's `report.html`: what it learned from, how its stages went, what it still gets wrong.

`gather` takes what a run knows and measures the dev queries once more; `page` makes one file of
these facts, without need of anything else, and writes it. The rest is pure: values in, HTML out.
"""
