"""What a server shows so that its callers know it, and nobody between them reads along."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

from engram.model.errors import InvalidRequest


class Tls(NamedTuple):
    """A certificate with those that vouch for it, and its private key: files in PEM."""

    certificate: Path
    key: Path


def read_tls(certificate: Path, key: Path) -> Tls:
    """Return the files once they were tried; InvalidRequest when a server cannot use them. Blocks.

    A key that asks for a passphrase is refused: nobody would be there to type it.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidRequest(
            f"TLS cannot be served with {certificate} and {key}: {reason}; both are files in PEM, "
            "and the key, which has no passphrase, is that of the certificate"
        ) from error
    return Tls(certificate, key)
