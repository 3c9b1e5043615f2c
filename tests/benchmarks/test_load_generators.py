"""The benchmark of load generators: peers' own files are read right, programs are bounded, tables say what is wrong.

`peer_files/` holds the figures of real runs (32 requests of 128 tokens, 16 streams, TTFT 100 ms, ITL 10 ms) of vLLM
0.32.0, SGLang 0.5.21, GuideLLM 0.8.1, AIPerf 0.13.0 and genai-bench 0.0.5, cut to what is read.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bounded
import peers
import words_tokenizer
from tokenizers import Tokenizer

import tables

FILES = Path(__file__).parent / "peer_files"
PEERS = [name for name in peers.CLIENTS if name != "enginebench"]

needs_linux = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("taskset") is None, reason="/proc and taskset are Linux's"
)


@pytest.mark.parametrize("name", PEERS)
def test_a_peers_own_file_is_read(name: str) -> None:
    found = peers.CLIENTS[name].read(FILES / name)
    assert found.requests == 32
    assert found.ttft_mean_ms is not None
    assert found.ttft_p99_ms is not None
    assert 100 <= found.ttft_mean_ms <= found.ttft_p99_ms < 130
    # Not what GuideLLM calls TPOT, which has the first token in it: 10.7 ms.
    assert found.tpot_mean_ms == pytest.approx(10, rel=0.02)
    # 16 streams of 128 tokens in 1.37 s are 1,495 tok/s.
    assert found.output_tps == pytest.approx(1495, rel=0.15)
    assert (found.itl_p99_ms is None) == (name in ("guidellm", "genai-bench"))


def test_the_tokenizer_counts_every_word_of_the_server_as_one(tmp_path: Path) -> None:
    made = Tokenizer.from_file(str(words_tokenizer.write(tmp_path) / "tokenizer.json"))
    text = "".join(f" w{word}" for word in range(words_tokenizer.WORDS))
    ids = made.encode(text).ids
    assert len(ids) == len(set(ids)) == words_tokenizer.WORDS
    assert made.decode(ids) == text


def run(code: str, folder: Path, timeout_s: float = 30) -> bounded.Usage:
    argv = [sys.executable, "-c", code]
    return bounded.run(argv, core=min(os.sched_getaffinity(0)), timeout_s=timeout_s, log=folder / "log", environment={})


@needs_linux
def test_what_a_program_and_its_children_used_is_told(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.5: pass\n"
    both = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\nhold = b'x' * 100_000_000\n{burn}"
    )
    used = run(both, tmp_path)
    assert used.status == 0
    assert used.processes == 2
    assert 1.0 <= used.cpu_s < 3
    assert used.peak_rss_bytes > 100_000_000


@needs_linux
def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    # The child has left the group and ignores TERM.
    child = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    code = (
        "import subprocess, sys, time, pathlib\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\ntime.sleep(60)"
    )
    used = run(code, tmp_path, timeout_s=2)
    assert used.status is None
    state = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize(
    ("said", "true", "words"),
    [
        (101.0, 100.0, "right"),
        (2.0, 100.0, "**2** for 100 (-98%)"),
        (11_960.0, 5_980.0, "**1.196e+04** for 5,980 (+100%)"),
        (None, 100.0, "says nothing"),
    ],
)
def test_a_verdict_says_how_far_off(said: float | None, true: float, words: str) -> None:
    assert tables.verdict(said, true) == words
