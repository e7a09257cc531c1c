"""Query vectors for searches: cached, shared, bounded in time, and never in the way.

Texts enter, vectors (dim,) float32 leave, or the reason why a search has to go on without one.
`service.generation` makes a `QueryEncoder` for each open index; nothing here knows of HTTP.
"""
