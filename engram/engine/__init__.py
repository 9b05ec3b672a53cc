"""Runs spaces: one writer each, group commit, recovery, and who may open what."""
