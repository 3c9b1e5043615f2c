"""What the command line of `enginebench bench` means, and which words it refuses."""

from __future__ import annotations

import pytest

from enginebench.bench.measuring import load_of
from enginebench.bench.options import base_url, objective, settings
from enginebench.cli import parser
from enginebench.errors import UserError
from enginebench.records import ClosedLoop, Limit, Objective, OpenLoop, Slo, Until

MS = 1_000_000


def asked(*words):
    return settings(parser().parse_args(["bench", "http://127.0.0.1:8000", *words]))


def refused(*words):
    with pytest.raises(UserError) as error:
        asked(*words)
    return str(error.value)


def test_a_command_line_of_vllm_bench_serve_means_the_same():
    found = asked(
        *("--backend", "openai-chat", "--endpoint", "/v1/chat/completions", "--dataset-name", "random"),
        *("--random-input-len", "100", "--random-output-len", "20", "--random-prefix-len", "30"),
        *("--num-prompts", "50", "--request-rate", "2.5", "--seed", "7", "--ignore-eos", "--num-warmups", "3"),
        *("--goodput", "ttft:500", "tpot:50"),
    )
    assert (found.workload.api, found.workload.isl_tokens, found.workload.osl_tokens) == ("chat", 130, 20)
    assert found.workload.shared_prefix_tokens == 30
    assert (found.num_prompts, found.request_rate_rps, found.seed, found.num_warmups) == (50, 2.5, 7, 3)
    assert found.body == {"ignore_eos": True}
    assert found.objective.slo() == Slo(ttft_ns=500 * MS, tpot_ns=50 * MS)
    plain = asked()
    assert (plain.workload.isl_tokens, plain.workload.osl_tokens, plain.num_prompts) == (1024, 128, 1000)
    assert (plain.request_rate_rps, plain.max_concurrency, plain.until, plain.json_path) == (None, None, None, None)


@pytest.mark.parametrize(
    ("words", "load"),
    [
        ((), ClosedLoop(kind="closed", concurrency=1000, start="convoy")),
        (("--max-concurrency", "8"), ClosedLoop(kind="closed", concurrency=8)),
        (("--request-rate", "2"), OpenLoop(kind="open", rate_rps=2.0)),
        (
            ("--request-rate", "2", "--burstiness", "0.5"),
            OpenLoop(kind="open", rate_rps=2.0, arrivals="gamma", burstiness=0.5),
        ),
    ],
    ids=["all at once", "closed", "Poisson", "gamma"],
)
def test_requests_arrive_as_asked(words, load):
    assert load_of(asked(*words)) == load


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000"),
        ("https://host", "https://host"),
    ],
)
def test_a_url_loses_what_clients_put_behind_it(given, url):
    assert base_url(given) == url


@pytest.mark.parametrize("given", ["", "http://", "ftp://host", "http://host:0x", "http://host/v1/completions"])
def test_what_is_no_base_url_is_refused(given):
    with pytest.raises(UserError, match="is no base URL of a server; give scheme, host and port"):
        base_url(given)


def test_limits_are_of_p99_unless_they_say_otherwise():
    found = objective(["ttft:500", "tpot_p90:50.5", "goodput:95"])
    ttft = Limit(metric="ttft", at_most_ns=500 * MS, share=0.99)
    tpot = Limit(metric="tpot", at_most_ns=50_500_000, share=0.9)
    assert found == Objective(name="ttft:500 tpot_p90:50.5 goodput:95", limits=(ttft, tpot), goodput_share=0.95)


def test_mlperfs_limits_have_names():
    found = objective(["mlperf-llama2-70b-server"])
    assert [(one.metric, one.at_most_ns, one.share) for one in found.limits] == [
        ("ttft", 2000 * MS, 0.99),
        ("tpot", 200 * MS, 0.99),
    ]


def test_until_is_a_share_of_the_primary_figure():
    assert asked("--until", "2%").until == Until(within=0.02, figure="output_tps_per_accelerator", at_most=10)
    by_goodput = asked("--until", "0.01", "--slo", "ttft:500", "--max-seconds", "60").until
    assert by_goodput == Until(within=0.01, figure="goodput_rps", at_most=100, seconds=60.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--slo", "ttfd:5"], "--slo ttfd:5: is no limit; write METRIC:MILLISECONDS, as "),
        (["--slo", "ttft"], "--slo ttft: no such preset; known: mlperf-"),
        (["--slo", "goodput:95"], "--slo goodput:95: is no limit; "),
        (["--slo", "ttft:nan"], "--slo ttft:nan: is no limit; "),
        (["--slo", "ttft_p100:5", "tpot:1"], "--slo ttft_p100:5: is no limit; "),
        (["--slo", "ttft:5", "ttft_p90:4"], "--slo ttft_p90:4: limits ttft twice; keep one of them"),
        (["--until", "2x"], "--until 2x: is no share of the figure; write it as 2%"),
        (["--until", "0%"], "--until 0%: is no share of the figure; "),
        (["--find-limit", "rate"], "--find-limit rate: no limits to keep; add --slo, as `--slo ttft:500 tpot:50`"),
        (["--find-limit", "rate", "--slo", "ttft:5", "--until", "2%"], "--until: a search ends by its own rule; "),
        (["--max-concurrency", "8", "--request-rate", "2"], "--max-concurrency: arrivals at --request-rate 2 must "),
        (["--max-concurrency", "0"], "--max-concurrency 0: is too small; give 1 or more"),
        (["--num-prompts", "0"], "--num-prompts 0: is too small; give 1 or more"),
        (["--request-rate", "0"], "--request-rate 0: is no rate; give requests a second, or inf"),
        (["--request-rate", "nan"], "--request-rate nan: is no rate; "),
        (["--burstiness", "0"], "--burstiness 0: is no shape; "),
        (["--max-seconds", "-1"], "--max-seconds -1: is no budget; "),
        (["--extra-body", "[1]"], "--extra-body [1]: is no JSON object; "),
        (["--endpoint", "/v2"], "--endpoint /v2: no such endpoint is known; known: /v1/completions, /v1/chat"),
        (["--backend", "openai-chat", "--endpoint", "/v1/completions"], "--endpoint /v1/completions: is not the "),
        (["--result-dir", "nowhere"], "nowhere/openai-infqps-"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_go_together_is_told_in_one_sentence(words, message):
    told = refused(*words)
    assert told.startswith(message)
    assert "\n" not in told
