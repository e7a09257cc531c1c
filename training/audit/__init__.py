"""The engagement audit: labels that shoppers contradict go to a stronger judge (arXiv:2602.17654).

In come judgments, a behaviour log and a judge; out come corrected judgments, a trail of every
change and a report. What shoppers did only chooses whom to ask again; it is never a label itself.
"""
