"""A run's `report.html`: what it learned from, how its stages went, what it still gets wrong.

`facts` takes what a run knows and measures the dev queries once more; `page` makes one file of it
that needs nothing from elsewhere, and writes it. Everything between is pure: values in, HTML out.
"""
