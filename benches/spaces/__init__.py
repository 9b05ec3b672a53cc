"""What a thousand memory spaces of one process take, beside one of them."""
