"""The same work given to Engram's kernels and to the libraries a user would pick instead."""
