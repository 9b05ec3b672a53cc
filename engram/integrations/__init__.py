"""Engram behind the interfaces of agent frameworks; see docs/reference/frameworks.md.

Rule 1: a module is named after its framework, and nothing else imports that framework.
Rule 2: all of them use a space that is lent to them, through its public verbs alone.
Rule 3: what belongs to one user, namespace or session is found by a filter that is exact.
"""
