"""Whom this machine trusts when it speaks with peers by HTTPS."""

import functools
import ssl

import httpx2


@functools.cache
def trusted() -> ssl.SSLContext:
    """The certificates that this machine trusts, read once: each client that read them again would take 20 ms to make.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` name others, as httpx2 documents.
    """
    return httpx2.create_ssl_context()
