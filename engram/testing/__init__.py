"""Conformance suites, fakes and workloads; shipped with the package, needs no pytest."""
