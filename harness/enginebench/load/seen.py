"""What can be met while a response is read: the one place where each class of it has its meaning."""

from __future__ import annotations

from collections.abc import Mapping

from enginebench.records import RequestStatus

STATUSES: Mapping[RequestStatus, str] = {
    "ok": "the answer was whole: it bore tokens and said that it was over",
    "http_error": "an HTTP status other than 200; the error keeps 200 characters of the body and its message",
    "stream_error": "an error event in mid-stream, an answer the server aborted, or one that ended without a token",
    "truncated": "the response ended, or its connection, before the answer said that it was over",
    "timeout": "no end within the request's time limit",
    "connection": "no connection, or none that gave a byte",
    "bad_json": "an event is no JSON, or not of the form that the API has",
    "bad_utf8": "an event is no UTF-8",
    "bad_http": "the response is no HTTP/1.1: its status line, its headers or the size of a chunk",
}
"""Status of a request to its meaning."""

SEEN: Mapping[str, str] = {
    "after_done": "events behind `[DONE]`, not read",
    "after_end": "bytes behind the end of the response, not read",
    "broken_end": "the transfer broke off after the answer was over; its tokens are whole",
    "comment": "comment lines, as servers send to keep a connection alive",
    "cumulative": "every event repeats the text so far (SGLang's `/generate`); only what is new counts",
    "empty_chunk": "an event with a choice and neither text nor tokens; it bears none, and its time is not the TTFT",
    "empty_event": "an event without data; passed over",
    "held_text": "tokens whose text the server held back: an event with token ids or a higher count and no text",
    "no_done": "the answer was over but `[DONE]` did not come",
    "no_usage": "the server said nowhere how many tokens it wrote",
    "not_streamed": "one JSON document in place of events: one arrival for all its tokens",
    "open_event": "the last event lacked the empty line that ends it; read all the same",
    "other_event": "an event that is JSON and no part of an answer; passed over",
    "other_fields": "`event:`, `id:` or `retry:` lines, or lines of no known field; passed over",
    "reasoning": "deltas of reasoning; they bear tokens",
    "resent": "the server had closed the kept connection; asked again on a new one, the clock going on",
    "role_chunk": "an event with a role and no text; it bears no token, and its time is not the TTFT",
    "several_choices": "more than one choice; their text and tokens are taken together",
    "several_tokens": "an event with several tokens, as the server's own count tells",
    "shared_read": "one read held several token-bearing events: the times of all but its last are upper bounds",
    "split_event": "a token-bearing event came in several reads; its time is that of its last byte",
    "token_ids": "token ids with every event (vLLM's `return_token_ids`, SGLang's `output_ids`)",
    "tokens_disagree": "the tokens of the events do not add up to the server's own total; they are not kept",
    "tool_calls": "deltas of tool calls; their names and arguments bear tokens",
    "usage_each_chunk": "usage before the last event (`continuous_usage_stats`)",
}
"""What was met in a response to its meaning; `Request.seen` holds these."""
