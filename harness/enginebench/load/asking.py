"""The bytes of a request, made before the clock starts, for each of the APIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from enginebench.records import Prompt

Api = Literal["completions", "chat", "generate"]
"""OpenAI's completions and chat completions, and SGLang's own `/generate`."""

PATHS: Mapping[Api, str] = {
    "completions": "/v1/completions",
    "chat": "/v1/chat/completions",
    "generate": "/generate",
}
"""Where each is asked."""


def request_bytes(
    host: str, model: str, api: Api, prompt: Prompt, extra: Mapping[str, object], prefix: str = ""
) -> bytes:
    """The whole HTTP request: greedy, streamed, with usage.

    `host` is the Host header, `prefix` the path of the server's URL. `extra` are further JSON fields of the body; for
    `generate`, which keeps what belongs to sampling apart, further fields of its `sampling_params`.
    """
    asked = _generate(prompt, extra) if api == "generate" else _openai(model, api, prompt, extra)
    body = json.dumps(asked).encode()
    head = (
        f"POST {prefix}{PATHS[api]} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _openai(model: str, api: Api, prompt: Prompt, extra: Mapping[str, object]) -> dict[str, object]:
    asked: dict[str, object] = {"model": model}
    if api == "completions":
        asked["prompt"] = prompt.token_ids if prompt.token_ids is not None else prompt.text
    else:
        asked["messages"] = [{"role": "user", "content": prompt.text}]
    return asked | {
        "max_tokens": prompt.output_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        **extra,
    }


def _generate(prompt: Prompt, extra: Mapping[str, object]) -> dict[str, object]:
    """SGLang's own API (`srt/managers/io_struct.py`, GenerateReqInput, and `sampling_params.py` of 0.5.21)."""
    what = {"text": prompt.text} if prompt.token_ids is None else {"input_ids": prompt.token_ids}
    limits = {"max_new_tokens": prompt.output_tokens, "temperature": 0}
    if "min_tokens" in extra:
        limits["min_new_tokens"] = extra["min_tokens"]  # type: ignore[assignment]
    return {**what, "sampling_params": limits | {k: v for k, v in extra.items() if k != "min_tokens"}, "stream": True}
