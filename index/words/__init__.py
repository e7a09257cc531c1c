"""Text to terms: segmentation, units, compounds, stop words, stems and synonyms of one language.

An `Analyser` is made once, when an index is built, travels in the index and reads products and
queries alike. `gradus index build` makes one; the lexical arm, spelling and suggestions use it.
"""
