"""What the events of one response add up to: which of them bear tokens, how many, and how the answer ended. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from enginebench.load.forms import (
    Choice,
    Delta,
    Event,
    Unreadable,
    Usage,
    count,
    decode,
    decode_strictly,
    error_words,
    top_level_error,
)
from enginebench.records import RequestStatus

_ABORTED = ("abort", "error")


class Answer:
    """Takes the data of events in order."""

    __slots__ = (
        "_text",
        "_whole_text",
        "bad",
        "bearing",
        "cached_tokens",
        "done",
        "finished",
        "first_chars",
        "input_tokens",
        "opened",
        "output_chars",
        "output_tokens",
        "seen",
        "told",
        "total",
    )

    def __init__(self) -> None:
        self.seen: set[str] = set()
        """What was met: keys of SEEN."""
        self.bad: tuple[RequestStatus, str] | None = None
        """The event that ended the reading: its class and a line on it."""
        self.finished = False
        """Whether the answer said that it was over."""
        self.done = False
        """Whether `[DONE]` came."""
        self.bearing = 0
        """Events that bore tokens."""
        self.told = array("i")
        """Tokens of each of them, as far as the server told; shorter than `bearing` where it did not."""
        self.total = 0
        """Their sum."""
        self.first_chars: int | None = None
        """Characters of text in the first of them."""
        self.output_chars = 0
        """Characters of text in all of them."""
        self.output_tokens: int | None = None
        """`completion_tokens` of the last usage."""
        self.input_tokens: int | None = None
        """`prompt_tokens` of the last usage."""
        self.cached_tokens: int | None = None
        """Cached tokens of the last usage."""
        self.opened: int | None = None
        """Place, among the events taken last, of the first that has a choice and bears no token; null: none has."""
        self._text = ""
        self._whole_text = True

    def take(self, payloads: Sequence[bytes]) -> list[int]:
        """Read events; gives the places of those that bear tokens. Nothing more is read once `bad`."""
        places: list[int] = []
        chars = 0
        self.opened = None
        for place, payload in enumerate(payloads):
            event: Event | None
            try:
                event = decode(payload) if payload.isascii() else decode_strictly(payload)
            except (msgspec.DecodeError, Unreadable):
                event = self._unusual(payload)
                if self.bad is not None:
                    break
            if event is None:
                continue
            if self.done:
                self.seen.add("after_done")
                continue
            # The usual event is told apart here, without a call: one choice, with text, and not the last.
            choices = event.choices
            if choices and len(choices) == 1 and event.error is None:
                choice = choices[0]
                text, delta = choice.text, choice.delta
                if delta is not None and delta.reasoning is None and delta.tool_calls is None:
                    text = delta.content if delta.reasoning_content is None and delta.refusal is None else None
                if type(text) is str and text and choice.finish_reason is None:
                    places.append(place)
                    if event.usage is not None or choice.token_ids is not None:
                        self._counted(len(text), choice.token_ids, event.usage)
                        continue
                    if self.first_chars is None:
                        self.first_chars = len(text)
                    chars += len(text)
                    self.bearing += 1
                    continue
            if self._event(event, payload):
                places.append(place)
            elif choices and self.opened is None:
                self.opened = place
            if self.bad is not None:
                break
        self.output_chars += chars
        return places

    def _unusual(self, payload: bytes) -> Event | None:
        """An event that was not read at once: `[DONE]`, an empty one, JSON that is seldom seen, or a fault."""
        word = payload.strip()
        if self.done:
            self.seen.add("after_done")
        elif word == b"[DONE]":
            self.done = self.finished = True
        elif not word:
            self.seen.add("empty_event")
        else:
            try:
                return decode_strictly(payload)
            except Unreadable as fault:
                self.bad = fault.status, str(fault)
        return None

    def whole(self, payload: bytes) -> bool:
        """Read a response that is one JSON document; gives whether it bears tokens."""
        self.seen.add("not_streamed")
        bears = bool(self.take([payload]))
        self.done = True
        return bears

    def _counted(self, chars: int, ids: object, usage: Usage | None) -> None:
        """A usual event of which the server tells tokens: what `_event` would do, in few steps."""
        tokens = None
        if usage is not None:
            self.seen.add("usage_each_chunk")
            self._used(usage)
            if self.output_tokens is not None:
                tokens = self.output_tokens - self.total
        if type(ids) is list:
            self.seen.add("token_ids")
            tokens = len(ids)
        self._bore(chars, tokens)

    def _event(self, event: Event, payload: bytes) -> bool:
        """Read one event of any kind; gives whether it bears tokens."""
        if event.error is not None:
            self.bad = "stream_error", f"error in the stream: {error_words(event.error)}"
            return False
        if event.meta_info is not None:
            return self._native(event, event.meta_info)
        if event.usage is not None:
            self._used(event.usage)
        if not event.choices:
            if event.usage is not None:
                self.finished = True
            elif (words := top_level_error(payload)) is not None:
                self.bad = "stream_error", f"error in the stream: {words}"
            else:
                self.seen.add("other_event")
            return False
        if len(event.choices) > 1:
            self.seen.add("several_choices")
        texts = [self._text_of(choice) for choice in event.choices]
        over = any(choice.finish_reason is not None for choice in event.choices)
        if event.usage is not None and not over:
            self.seen.add("usage_each_chunk")
        tokens = self._tokens_of(event, over)
        bears = any(text is not None for text in texts) or (tokens or 0) > 0
        if bears:
            chars = sum(text or 0 for text in texts)
            if not chars and tokens:
                self.seen.add("held_text")
            self._bore(chars, tokens)
        elif not over:
            roles = any(choice.delta is not None and choice.delta.role for choice in event.choices)
            self.seen.add("role_chunk" if roles else "empty_chunk")
        if over:
            self._over([choice.finish_reason for choice in event.choices])
        return bears

    def _over(self, reasons: Sequence[object]) -> None:
        self.finished = True
        for reason in reasons:
            if reason in _ABORTED:
                self.bad = "stream_error", f"the server ended the answer with finish_reason {reason}"

    def _tokens_of(self, event: Event, over: bool) -> int | None:
        """Tokens of an event with choices: its ids, or what usage grew by if every event so far had it."""
        ids = [choice.token_ids for choice in event.choices or () if type(choice.token_ids) is list]
        if ids:
            self.seen.add("token_ids")
            return sum(map(len, ids))
        if event.usage is None or self.output_tokens is None or len(self.told) != self.bearing:
            return None
        if over and not self.told and not any(self._text_of(choice) for choice in event.choices or ()):
            return None  # the last event's usage alone says nothing of when its tokens came
        return self.output_tokens - self.total

    def _bore(self, chars: int, tokens: int | None) -> None:
        if tokens is not None and 0 <= tokens < 1 << 31 and len(self.told) == self.bearing:
            self.told.append(tokens)
            self.total += tokens
        self.bearing += 1
        if self.first_chars is None:
            self.first_chars = chars
        self.output_chars += chars

    def _text_of(self, choice: Choice) -> int | None:
        """Characters of text that a choice bears; null if it bears none."""
        chars, bears = _length(choice.text), bool(choice.text)
        delta = choice.delta or choice.message
        if delta is not None:
            reasoning = delta.reasoning or delta.reasoning_content
            called, calls = _calls(delta)
            if reasoning:
                self.seen.add("reasoning")
            if calls:
                self.seen.add("tool_calls")
            chars += _length(delta.content) + _length(reasoning) + _length(delta.refusal) + called
            bears = bears or bool(delta.content or reasoning or delta.refusal or calls)
        return chars if bears else None

    def _used(self, usage: Usage) -> None:
        details = usage.prompt_tokens_details
        cached = usage.cached_tokens if details is None else details.cached_tokens
        self.output_tokens = usage.completion_tokens if type(usage.completion_tokens) is int else None
        self.input_tokens = usage.prompt_tokens if type(usage.prompt_tokens) is int else None
        self.cached_tokens = cached if type(cached) is int else None

    def _native(self, event: Event, meta: Usage) -> bool:
        """An event of SGLang's `/generate`: all text and ids so far or, from a server started so, what is new."""
        self._used(meta)
        before = self.total
        ids = count(event.output_ids)
        if ids is not None:
            self.seen.add("token_ids")
        text = event.text if type(event.text) is str else ""
        total = self.output_tokens
        if ids is not None and total is not None and before and total > before:
            self._whole_text = abs(ids - total) <= abs(ids - (total - before))
        elif self._text and not text.startswith(self._text):
            self._whole_text = False
        chars = len(text)
        if self.bearing and self._whole_text:
            chars -= len(self._text)
            self.seen.add("cumulative")
        self._text = text
        if total is None and ids is not None:
            total = ids if self._whole_text else before + ids
        tokens = None if total is None else total - before
        bears = chars > 0 or (tokens or 0) > 0
        if bears:
            if chars <= 0:
                self.seen.add("held_text")
            self._bore(max(chars, 0), tokens)
        elif meta.finish_reason is None:
            self.seen.add("empty_chunk")
        reason = meta.finish_reason
        if reason is not None:
            self.finished = True
            kind, words = (reason.get("type"), reason.get("message")) if isinstance(reason, dict) else (reason, None)
            if kind in _ABORTED:
                self.bad = "stream_error", f"the server ended the answer with {kind}: {str(words)[:200]}"
        return bears


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else 0


def _calls(delta: Delta) -> tuple[int, bool]:
    """Characters in the names and arguments of tool calls, and whether there are any."""
    chars, any_there = 0, False
    for call in delta.tool_calls if isinstance(delta.tool_calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        for key in ("name", "arguments"):
            value = function.get(key) if isinstance(function, dict) else None
            any_there = any_there or bool(value)
            chars += _length(value)
    return chars, any_there
