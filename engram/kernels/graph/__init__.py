"""Spreading activation over associations: contract, graph, checks, meaning, numpy and Zig."""
