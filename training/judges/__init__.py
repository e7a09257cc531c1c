"""Judges that learn or ask: a cross-encoder, a language model; how good they are; what they cost.

In come judged pairs or an endpoint's address, out come grades of pairs (`training.judge.Judge`).
"""
