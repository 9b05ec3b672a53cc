"""Similarity of a query to rows of float32: contract, checks, meaning, numpy and Zig."""
