"""What was asked for on the command line, checked: names and meanings as `vllm bench serve` 0.32 has them."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from enginebench.errors import UserError, mistake
from enginebench.records import Limit, Objective, Until, Workload, record

Api = Literal["completions", "chat"]
_PATHS: Mapping[str, Api] = {"/v1/completions": "completions", "/v1/chat/completions": "chat"}


@record
class Settings:
    """One call of `enginebench bench`."""

    url: str
    """Base URL, without a path."""
    model: str | None
    """Model name as the server knows it; null: the first that it names."""
    tokenizer: str | None
    """Folder or hub name of the model's tokenizer; null: found by the model's name, if it can be."""
    backend: str
    """`openai`, `vllm` or `openai-chat`, as asked."""
    workload: Workload
    """What requests look like."""
    num_prompts: int
    """Requests of one run."""
    max_concurrency: int | None
    """Requests in flight of a closed loop; null: an open loop, or all at once."""
    request_rate_rps: float | None
    """Mean arrival rate; null: no waiting (`inf`)."""
    burstiness: float
    """Shape of the gamma distribution of gaps between arrivals; 1: Poisson."""
    seed: int
    """Seed of prompts and arrivals."""
    num_warmups: int | None
    """Requests before the first run; null: one a slot, at most 64."""
    body: Mapping[str, object]
    """Further JSON fields of every request."""
    objective: Objective | None
    """Limits for goodput, and for the search; null: none."""
    until: Until | None
    """When repeats end; null: one run."""
    max_seconds: float | None
    """Budget of the search, s; null: none."""
    find: Literal["rate", "concurrency"] | None
    """What to search the limit of; null: measure one load."""
    json_path: Path | None
    """Where the results go; null: nowhere. The requests go beside it as Parquet."""
    detailed: bool
    """Whether the JSON holds a value a request."""


def settings(options: argparse.Namespace) -> Settings:
    """The settings that `options` make; raises UserError for what does not go together."""
    api = _api(options.backend, options.endpoint)
    chosen = objective(options.goodput) if options.goodput else None
    _check_loads(options, chosen)
    rate_rps = None if math.isinf(options.request_rate) else options.request_rate
    _check_positive("--num-prompts", options.num_prompts, 1)
    return Settings(
        url=base_url(options.url),
        model=options.model,
        tokenizer=options.tokenizer,
        backend=options.backend,
        workload=Workload(
            name=f"random-{options.input_len}-{options.output_len}",
            kind="synthetic",
            api=api,
            isl_tokens=_check_positive("--random-input-len", options.input_len, 1) + options.random_prefix_len,
            osl_tokens=_check_positive("--random-output-len", options.output_len, 1),
            shared_prefix_tokens=_check_positive("--random-prefix-len", options.random_prefix_len, 0),
        ),
        num_prompts=options.num_prompts,
        max_concurrency=options.max_concurrency,
        request_rate_rps=rate_rps,
        burstiness=options.burstiness,
        seed=options.seed,
        num_warmups=options.num_warmups,
        body=_body(options.extra_body, options.ignore_eos),
        objective=chosen,
        until=_until(options.until, options.max_seconds, chosen),
        max_seconds=options.max_seconds,
        find=options.find_limit,
        json_path=_json_path(options),
        detailed=options.save_detailed,
    )


def base_url(url: str) -> str:
    """`url` without what OpenAI clients put behind it (`/v1`); raises UserError for one that is none."""
    whole = url if "://" in url else f"http://{url}"
    parts = urlsplit(whole)
    path = parts.path.rstrip("/")
    try:
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
    if not right or path not in ("", "/v1"):
        raise mistake(url, "is no base URL of a server", "give scheme, host and port, as http://127.0.0.1:8000")
    return f"{parts.scheme}://{parts.netloc}"


def _api(backend: str, endpoint: str | None) -> Api:
    api: Api = "chat" if backend == "openai-chat" else "completions"
    if endpoint is None:
        return api
    if endpoint not in _PATHS:
        raise mistake(f"--endpoint {endpoint}", "no such endpoint is known", f"known: {', '.join(_PATHS)}")
    if backend == "openai-chat" and _PATHS[endpoint] != "chat":
        raise mistake(f"--endpoint {endpoint}", "is not the endpoint of --backend openai-chat", "leave one of them out")
    return _PATHS[endpoint]


def _check_loads(options: argparse.Namespace, chosen: Objective | None) -> None:
    if options.max_concurrency is not None:
        _check_positive("--max-concurrency", options.max_concurrency, 1)
    if not options.request_rate > 0:
        raise mistake(f"--request-rate {options.request_rate:g}", "is no rate", "give requests a second, or inf")
    if not options.burstiness > 0 or math.isinf(options.burstiness):
        raise mistake(f"--burstiness {options.burstiness:g}", "is no shape", "give a number above 0; 1 is Poisson")
    if options.max_concurrency is not None and not math.isinf(options.request_rate):
        raise mistake(
            "--max-concurrency",
            f"arrivals at --request-rate {options.request_rate:g} must not wait for answers",
            "give one of the two: requests in flight (closed loop) or a rate (open loop)",
        )
    if options.find_limit and chosen is None:
        raise mistake(
            f"--find-limit {options.find_limit}", "no limits to keep", "add --slo, as `--slo ttft:500 tpot:50`"
        )
    if options.find_limit and options.until is not None:
        raise mistake("--until", "a search ends by its own rule", "leave out --until or --find-limit")
    if options.max_seconds is not None and not options.max_seconds > 0:
        raise mistake(f"--max-seconds {options.max_seconds:g}", "is no budget", "give seconds above 0")


def _check_positive(name: str, value: int, least: int) -> int:
    if value < least:
        raise mistake(f"{name} {value}", "is too small", f"give {least} or more")
    return value


def _body(extra: str | None, ignore_eos: bool) -> Mapping[str, object]:
    try:
        given = json.loads(extra) if extra else {}
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise mistake(f"--extra-body {extra}", "is no JSON object", """write it as '{"top_k": 1}'""")
    return {**({"ignore_eos": True} if ignore_eos else {}), **given}


def _until(share: str | None, max_seconds: float | None, chosen: Objective | None) -> Until | None:
    if share is None:
        return None
    try:
        within = float(share.removesuffix("%")) / (100 if share.endswith("%") else 1)
    except ValueError:
        within = 0.0
    if not 0 < within < 1:
        raise mistake(f"--until {share}", "is no share of the figure", "write it as 2%")
    figure: Any = "goodput_rps" if chosen else "output_tps_per_accelerator"
    return Until(within=within, figure=figure, at_most=100 if max_seconds else 10, seconds=max_seconds)


def objective(words: Sequence[str]) -> Objective:
    """What `--slo` says: a preset's name, or `METRIC:MS` words, METRIC one of ttft, tpot, e2el, `_pNN` behind it for
    another share than 99 %; `goodput:NN` for a share of requests that must keep all of them at once.
    """
    if len(words) == 1 and ":" not in words[0]:
        return _preset(words[0])
    limits: dict[str, Limit] = {}
    goodput = None
    for word in words:
        name, _, value = word.partition(":")
        metric, _, percentile = name.partition("_p")
        try:
            number, share = float(value), float(percentile or 99) / 100
        except ValueError:
            number = share = 0.0
        known = metric in ("ttft", "tpot", "e2el", "goodput")
        if not known or not 0 < share < 1 or not 0 < number < math.inf or (metric == "goodput" and number >= 100):
            raise _unclear(word)
        if metric == "goodput":
            goodput = number / 100
        elif metric in limits:
            raise mistake(f"--slo {word}", f"limits {metric} twice", "keep one of them")
        else:
            limits[metric] = Limit(metric=metric, at_most_ns=round(number * 1e6), share=share)  # type: ignore[arg-type]
    if not limits:
        raise _unclear(" ".join(words))
    return Objective(name=" ".join(words), limits=tuple(limits.values()), goodput_share=goodput)


def _unclear(words: str) -> UserError:
    return mistake(
        f"--slo {words}",
        "is no limit",
        "write METRIC:MILLISECONDS, as ttft:500 or tpot_p90:50, goodput:95 beside them, or a name of configs/slos",
    )


def _preset(name: str) -> Objective:
    from enginebench import config

    known = config.slos()
    if name not in known:
        raise mistake(f"--slo {name}", "no such preset", f"known: {', '.join(sorted(known))}; or write it as ttft:500")
    found = known[name].limits.slo()
    pairs = (("ttft", found.ttft_ns), ("tpot", found.tpot_ns), ("e2el", found.e2el_ns))
    limits = [Limit(metric=metric, at_most_ns=ns, share=known[name].share) for metric, ns in pairs if ns]  # type: ignore[arg-type]
    return Objective(name=name, limits=tuple(limits))


def _json_path(options: argparse.Namespace) -> Path | None:
    if not (options.save_result or options.save_detailed or options.result_filename or options.result_dir):
        return None
    load = f"-concurrency{options.max_concurrency}" if options.max_concurrency else f"-{options.request_rate:g}qps"
    load = f"-limit-{options.find_limit}" if options.find_limit else load
    name = options.result_filename or f"{options.backend}{load}-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path = Path(options.result_dir or "") / name
    if not path.parent.is_dir():
        raise mistake(str(path), f"no folder {path.parent}", "make it, or name another file")
    return path if path.suffix == ".json" else path.with_name(path.name + ".json")
