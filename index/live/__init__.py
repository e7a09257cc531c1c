"""Live updates: products added, replaced and deleted while an index serves.

What goes in: updates. What comes out: engines, each over one state of the catalogue, and a journal
that brings the last state back after a crash. The bundle beneath never changes. New rows stand
behind its own; replaced and deleted rows are masked; statistics, vocabulary and calibration are
those of the bundle, so no update moves the score of another product. A rebuild folds all in.

lines.py      a line an update, with a checksum
journal.py    the file of them, synced before an update is acknowledged
updates.py    what can be asked for, and what became of it
pending.py    what a batch comes to
overlay.py    the rows added since the build
added.py      their products and postings
updatable.py  one writer, engines for readers
handover.py   another version takes over: what its build cannot have known is carried over
"""
