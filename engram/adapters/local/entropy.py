"""The operating system's source of chance behind the Entropy port."""

from __future__ import annotations

import secrets


class SystemEntropy:
    """Entropy nobody can predict."""

    def token(self, bytes_count: int) -> bytes:
        """Return that many unpredictable bytes."""
        return secrets.token_bytes(bytes_count)
