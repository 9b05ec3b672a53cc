"""LoCoMo evidence retrieval: how much of what answers a question is among the first recalled."""
