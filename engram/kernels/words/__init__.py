"""Okapi BM25 over postings in columns: contract, checks, meaning, numpy and Zig."""
