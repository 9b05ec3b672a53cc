"""Similarity of a query to compressed rows: contract, checks, meaning, numpy and Zig."""
