"""The state of one memory space: columns, and the pure functions that change them."""
