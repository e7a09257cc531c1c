"""More to learn from than was judged: misspelt queries, synthetic queries, pairs of queries.

In come the training judgments (query → product position → grade) and products, out come further
lists of the same form, each knowing where it comes from. The training run calls; nothing here
touches the network or invents a grade.
"""
