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


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """Return who is trusted to say who a server is; None: whom this machine trusts. Blocks.

    Raises InvalidRequest when the file holds no certificate.
    """
    try:
        found = ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise InvalidRequest(
            f"authorities {authorities} are no certificates in PEM: {error.strerror or error}"
        ) from error
    # A server's own certificate may be what is trusted, though another vouches for it.
    found.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return found
