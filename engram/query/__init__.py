"""The query language: from text to a checked statement, and what it is expected to cost."""
