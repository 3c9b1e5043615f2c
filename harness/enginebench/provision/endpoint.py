"""A server that runs already: measured, never started or stopped."""

from __future__ import annotations

import urllib.error
import urllib.request

from enginebench.errors import TrialError
from enginebench.provision.prepared import Prepared
from enginebench.records import EndpointProvision


def prepare(provision: EndpointProvision) -> Prepared:
    """Check that the URL answers `/v1/models`; raises TrialError if it does not."""
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
