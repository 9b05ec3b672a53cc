"""Front ends: each turns its own protocol into the verbs of the service and back."""
