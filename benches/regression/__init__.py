"""The workloads Engram is held to, each beside its own floor, and the gate that compares them."""
