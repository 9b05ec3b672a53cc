"""The verbs: what callers ask for, checked, embedded and carried out by the engine."""
