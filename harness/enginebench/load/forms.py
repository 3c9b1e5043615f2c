"""The JSON of an event, as far as it is read: OpenAI's completions and chat, and SGLang's `/generate`.

Fields as vLLM 0.32.0 (`entrypoints/openai/*/protocol.py`) and SGLang 0.5.21 (`srt/entrypoints/openai/protocol.py`,
`srt/managers/tokenizer_manager.py`) send them. Unknown fields are passed over, their syntax checked all the same.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

from enginebench.records import RequestStatus

_GRAMMAR = json.JSONDecoder(parse_constant=lambda name: _refused(name)).decode


class Delta(msgspec.Struct, gc=False):
    """What a chat chunk adds, or the message of one that is not streamed."""

    content: Any = None
    role: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    refusal: Any = None
    tool_calls: Any = None


class Choice(msgspec.Struct, gc=False):
    """One choice of a chunk."""

    text: Any = None
    delta: Delta | None = None
    finish_reason: Any = None
    token_ids: Any = None
    message: Delta | None = None


class Details(msgspec.Struct, gc=False):
    """Where the prompt's tokens came from."""

    cached_tokens: Any = None


class Usage(msgspec.Struct, gc=False):
    """The server's own count; also SGLang's `meta_info`."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Details | None = None
    cached_tokens: Any = None
    finish_reason: Any = None


class Event(msgspec.Struct, gc=False):
    """One event."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None
    meta_info: Usage | None = None
    text: Any = None
    output_ids: msgspec.Raw = msgspec.Raw()


decode = msgspec.json.Decoder(Event).decode
"""The Event in JSON; raises msgspec.DecodeError, and UnicodeDecodeError for some of what is no UTF-8."""


class Unreadable(Exception):
    """An event that can't be read."""

    def __init__(self, status: RequestStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def decode_strictly(payload: bytes) -> Event:
    """The Event in what `decode` refused or may have let through; raises Unreadable with the class of the fault."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("bad_utf8", f"an event is no UTF-8: {payload[:100]!r} (byte {error.start})") from None
    try:
        return decode(payload)
    except msgspec.DecodeError as error:
        wrong = error
    try:
        value = _GRAMMAR(text)
    except (ValueError, RecursionError):
        raise Unreadable("bad_json", f"an event is not JSON: {text[:100]}") from None
    if isinstance(value, dict) and not isinstance(wrong, msgspec.ValidationError):
        # Half a surrogate pair: allowed by JSON's grammar, and no character.
        return decode_strictly(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    raise Unreadable("bad_json", f"an event is not of the API's form ({wrong}): {text[:100]}")


def count(raw: msgspec.Raw) -> int | None:
    """Elements of a list of numbers; null where it is none."""
    data = bytes(raw).strip()
    if not data.startswith(b"["):
        return None
    return data.count(b",") + 1 if data[1:-1].strip() else 0


def error_words(error: object) -> str:
    """What an error object says: its message, at most 500 characters, else itself, at most 200."""
    message = error.get("message") if isinstance(error, dict) else None
    return message[:500] if isinstance(message, str) else str(error)[:200]


def top_level_error(text: bytes) -> str | None:
    """The words of JSON that is an error, `{"error": …}` or `{"object": "error", "message": …}`; null if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if value.get("error"):
        return error_words(value["error"])
    return error_words(value) if value.get("object") == "error" else None


def _refused(name: str) -> NoReturn:
    raise ValueError(name)
