"""Completion as the shopper types, from products, categories and logged queries.

Everything is made when the index is built and mapped from disk when it is opened; live updates
leave it alone until the next build.
"""
