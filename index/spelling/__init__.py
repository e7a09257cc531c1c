"""Spelling correction against the words of the catalogue, frozen when the index is built.

A noisy channel (Kernighan, Church and Gale, COLING 1990): a word that the catalogue does not know
is read as the known word that explains it best, if that explains it better than a word the shop
has never heard of. What enters: the query's text and the files below `spelling/`; what leaves: the
text to search for and what was changed. Nothing else, so that a correction never depends on
filters, mode or live updates.
"""
