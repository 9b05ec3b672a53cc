"""Sketches: two bits a dimension of each row, from which a query's cosine is estimated."""
