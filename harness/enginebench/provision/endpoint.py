"""A server that runs already: measured, never started or stopped."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import psutil

from enginebench.errors import TrialError
from enginebench.provision.prepared import Prepared
from enginebench.records import EndpointProvision


def prepare(provision: EndpointProvision) -> Prepared:
    """Check that the URL answers `/v1/models`; raises TrialError if it does not."""
    if provision.url.startswith("https:"):
        raise TrialError(
            "provision", f"{provision.url}: only http:// can be measured; name the server's own port, behind its proxy"
        )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(provision.url.rstrip("/") + "/v1/models", timeout=10):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise TrialError(
            "provision", f"{provision.url}/v1/models does not answer ({error}); start the server first"
        ) from None
    return Prepared(executable=None, python=None, url=provision.url.rstrip("/"))


def serving_pids(url: str) -> tuple[int, ...]:
    """Processes of this machine that listen where `url` points; none for a server elsewhere.

    None, too, where the platform does not tell who listens (another user's server, macOS without root).
    """
    parts = urlsplit(url)
    try:
        asked = {str(found[4][0]) for found in socket.getaddrinfo(parts.hostname, parts.port or 80)}
        open_here = psutil.net_connections("tcp")
    except (OSError, psutil.Error):
        return ()
    own = {str(one.address) for addresses in psutil.net_if_addrs().values() for one in addresses}
    if not asked & own:
        return ()
    ports = ((one.pid, getattr(one.laddr, "port", None)) for one in open_here if one.status == psutil.CONN_LISTEN)
    return tuple({pid for pid, port in ports if pid and port == (parts.port or 80)})
