"""Experiments of memory research, run on a memory space through the library's own verbs.

Rule 1: an experiment only remembers, waits, recalls and gives feedback, as any caller may.
Rule 2: its conditions differ in what is stored and when, in nothing else.
Rule 3: what does not come out as published is shown as it came out.
"""
