"""What Engram needs from the world, made of real things."""
