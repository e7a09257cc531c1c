"""Products, queries and judgments: files in, typed values and normalised text out.

Every other room imports this one; it imports none of them and no heavy library.
"""
