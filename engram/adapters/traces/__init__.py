"""Traces: what goes on, told to a collector."""
