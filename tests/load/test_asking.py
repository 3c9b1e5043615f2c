"""The bytes of requests: one HTTP/1.1 request each, with the fields that the API has for the same wish."""

from __future__ import annotations

import json

import pytest

from enginebench.load.asking import request_bytes
from enginebench.records import Prompt

IDS = Prompt(token_ids=(3, 1), text=None, input_tokens=2, output_tokens=7)
WORDS = Prompt(token_ids=None, text="grüß", input_tokens=2, output_tokens=7)
EXTRA = {"ignore_eos": True, "min_tokens": 7}
OPENAI = {"model": "m", "max_tokens": 7, "temperature": 0, "stream": True, "stream_options": {"include_usage": True}}
SAMPLING = {"max_new_tokens": 7, "temperature": 0}


def asked(api, prompt, extra):
    data = request_bytes("host:1", "m", api, prompt, extra)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert f"Content-Length: {len(body)}" in headers
    assert "Host: host:1" in headers
    return line, json.loads(body)


@pytest.mark.parametrize(
    ("api", "prompt", "path", "what"),
    [
        ("completions", IDS, "/v1/completions", {"prompt": [3, 1]}),
        ("completions", WORDS, "/v1/completions", {"prompt": "grüß"}),
        ("chat", WORDS, "/v1/chat/completions", {"messages": [{"role": "user", "content": "grüß"}]}),
    ],
)
def test_openai_apis(api, prompt, path, what):
    assert asked(api, prompt, {}) == (f"POST {path} HTTP/1.1", {**OPENAI, **what})
    assert asked(api, prompt, EXTRA)[1] == {**OPENAI, **what, **EXTRA}


@pytest.mark.parametrize(("prompt", "what"), [(IDS, {"input_ids": [3, 1]}), (WORDS, {"text": "grüß"})])
def test_generate_keeps_sampling_apart_and_has_its_own_word_for_the_least_output(prompt, what):
    line, body = asked("generate", prompt, {})
    assert (line, body) == ("POST /generate HTTP/1.1", {**what, "sampling_params": SAMPLING, "stream": True})
    sampling = {**SAMPLING, "ignore_eos": True, "min_new_tokens": 7}
    assert asked("generate", prompt, EXTRA)[1] == {**what, "sampling_params": sampling, "stream": True}
