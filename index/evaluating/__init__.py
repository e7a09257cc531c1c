"""`gradus evaluate`: what an index is worth, figure by figure, slice by slice, query by query.

`asking` puts the judged queries to the engine that serves; `figures` makes numbers of a query of
what came back; `summary`, `slices`, `compare` and `misspelt` average these with intervals; `worst`
takes the queries that went wrong apart. `text` and `page` show the report; `index.evaluate` ties it
together.
"""
