"""The server at a URL: is it there, and which model does it serve?"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request

from enginebench.errors import mistake


def find_model(url: str, wanted: str | None) -> str:
    """The name to ask for: `wanted`, if the server has it, else the first that it names at `/v1/models`.

    Raises UserError where no server is, where what answers is no such server, and where the model is not there.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/v1/models", timeout=10) as answer:
            listed = json.load(answer)["data"]
            names = [str(one["id"]) for one in listed]
    except urllib.error.HTTPError as error:
        error.close()
        if wanted is not None:
            # Some servers list no models; the first request tells.
            return wanted
        raise mistake(
            url,
            f"its /v1/models answers HTTP {error.code}",
            "check the URL, or name the model with --model if the server lists none",
        ) from None
    except http.client.HTTPException as error:
        words = str(error).strip() or type(error).__name__
        raise mistake(url, f"what answers there speaks no HTTP ({words[:80]})", "check host and port") from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise mistake(url, f"no server answers there ({words})", "start it, or check host and port") from None
    except (ValueError, LookupError, TypeError):
        raise mistake(
            url, "what answers there is no OpenAI-compatible server: its /v1/models is not its list", "check the URL"
        ) from None
    if wanted is not None and wanted not in names:
        raise mistake(f"--model {wanted}", f"the server at {url} has no such model", f"it serves {', '.join(names)}")
    if not names:
        raise mistake(url, "its /v1/models names no model", "name it with --model")
    return wanted or names[0]
