"""Filters: their language, the typed columns they read, and the rows that pass.

Text comes in, a `Subset` of rows leaves; the arms of a search look for candidates among those.
"""
