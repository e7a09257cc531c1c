"""Pages for people: HTML that escapes, scales and ticks for drawings, one style sheet.

Every report is one file with everything in it, for a browser without a network. Who writes a report
brings the sections; nothing here knows what they tell.
"""
