"""Finding memories by words, vectors and associations, and fusing what was found."""
