"""Arguments to calls, nothing else. Exit codes: 0 done, 1 something failed, 2 bad input and nothing started,
3 interrupted with what was measured kept, 4 nothing is wrong and nothing is proved either."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from enginebench import __version__
from enginebench.errors import UserError


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line; takes no option by a part of its name, which the next option may share."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see `{self.prog} --help`\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = _Parser(
        prog="enginebench", description="Nightly benchmarks of open-source LLM inference engines, with error bars."
    )
    top.add_argument("--version", action="version", version=f"enginebench {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")

    night = command("night", "measure what is due of a grid, store it, build the dashboard")
    night.add_argument("grid", type=Path)
    night.add_argument("--again", action="store_true", help="measure all, however fresh")
    _places(night, "site", "store", "cache", "pages")
    plan = command("plan", "show the jobs and skips of a grid, and what is due; start nothing")
    plan.add_argument("grid", type=Path)
    _places(plan, "site", "store", "cache")
    run = command("run", "measure one job.json on this machine into a new folder")
    run.add_argument("job", type=Path)
    run.add_argument("--out", type=Path, required=True, help="folder to make")
    run.add_argument("--events", action="store_true", help="print events as JSON lines, and end when stdin closes")
    _places(run, "cache")
    again = command("reproduce", "measure a stored trial or run again here and hold it against what is stored")
    again.add_argument("what", metavar="TRIAL|RUN", help="its id; of a run its point alone, with all repeats")
    again.add_argument("--dry-run", action="store_true", help="only tell what would be run, and what is not as it was")
    _places(again, "store", "cache")
    _bench(command("bench", "measure the server at a URL; options as those of `vllm bench serve`"))
    _compare(command("compare", "hold slice B of what is stored against slice A: better, worse, or no change"))
    noisy = command("noise", "tell which part of the noise comes from requests, repeats, starts, nights, hosts")
    noisy.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only runs with this value")
    noisy.add_argument("--metric", action="append", metavar="NAME", help="instead of throughput, mean TTFT and TPOT")
    _places(noisy, "store")
    _results(command("results", "look at, export or take in results, also other tools'"))
    _changes(command("changes", "tell what changed over the nights, by how much, and what else differed then"))
    _convert(command("convert", "turn another project's configuration files into grids; tell what is left out"))
    _site(command("site", "build, serve or publish the dashboard of a store"))
    _report(command("report", "write a night or a comparison as Markdown or one page, for mail"))
    calibrate = command("calibrate", "hold the load generator against a server of known timings on this machine")
    calibrate.add_argument(
        "--concurrency", type=int, nargs="+", default=[1, 16, 64, 256, 1024], metavar="N", help="levels"
    )
    _places(calibrate, "store")
    _history(
        command("peak", "tell how long engines took from day 0 to their best, and who led when"),
        command("reliability", "tell how often trials come to their end, of what they fail, and until when"),
    )
    _places(command("doctor", "tell what this machine has, which engines run here, what is missing"), "cache")
    command("metrics", "print the definitions of all metrics as Markdown")
    schema = command("schema", "print what is stored, field by field, as Markdown")
    schema.add_argument("--json", action="store_true", help="as JSON Schema of the stored JSON files instead")
    return top


def _places(one: argparse.ArgumentParser, *names: str) -> None:
    """Options that several commands share."""
    if "site" in names:
        one.add_argument("--site", type=Path, default=Path("runners/local.yaml"), help="where to measure")
    if "store" in names:
        words = "results store, a folder or s3://… (default: results)"
        one.add_argument("--store", default="results", metavar="PLACE", help=words)
    if "cache" in names:
        one.add_argument("--cache", type=Path, help="environments and models (default: the user's cache folder)")
    if "pages" in names:
        one.add_argument("--pages", type=Path, help="dashboard folder (default: STORE/site)")


def _history(peak: argparse.ArgumentParser, reliability: argparse.ArgumentParser) -> None:
    words = "which metric (default: output_tps_per_accelerator)"
    peak.add_argument("--metric", default="output_tps_per_accelerator", metavar="NAME", help=words)
    for one, what in ((peak, "runs"), (reliability, "trials")):
        one.add_argument(
            "--where", action="append", default=[], metavar="KEY=VALUE", help=f"only {what} with this value"
        )
        one.add_argument("--json", action="store_true", help="as JSON instead of tables")
        _places(one, "store")


def _results(one: argparse.ArgumentParser) -> None:
    actions = one.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, words: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(
            name, help=words, description=words[0].upper() + words[1:] + "."
        )
        _places(made, "store")
        return made

    for name, words in (
        ("points", "show each point's figures with their intervals"),
        ("list", "show a line a run"),
        ("export", "write the table of runs to a file"),
    ):
        shown = action(name, words)
        shown.add_argument(
            "--where", action="append", default=[], metavar="KEY=VALUE", help="only runs with this value"
        )
    shown.add_argument("path", type=Path, metavar="FILE", help="its name ends in .csv .parquet .arrow .json or .prom")
    shown.add_argument("--as", dest="tool", metavar="TOOL", help="write the runs as TOOL's file has them: vllm_bench")
    taken = action("ingest", "take in a finished trial's folder, or all trials of another store")
    taken.add_argument("path", metavar="FOLDER|STORE", help="a trial's folder, a store's, or s3://…")
    taken.add_argument("--verify", metavar="PUBKEY", help="only trials that are what this key (file or text) signed")
    other = action("import", "take in what another tool measured")
    other.add_argument("path", type=Path, metavar="FILE")
    other.add_argument("--as", dest="tool", metavar="TOOL", required=True, help="whose file it is, as vllm_bench")
    hidden = action("invalidate", "let a trial or run count no more, with a reason; the result itself stays as it is")
    hidden.add_argument("what", metavar="TRIAL|RUN", help="its id")
    back = action("withdraw", "take an invalidation back")
    back.add_argument("id", metavar="ID", help="of the invalidation, as `results list` shows it")
    for one in (hidden, back):
        one.add_argument("--reason", required=True, metavar="TEXT", help="why, for all who read it")
        one.add_argument("--author", metavar="NAME", help="who says so (default: git's user.name, else user@host)")
    for name, words, kind in (
        ("sign", "sign all trials of a night, so that others can verify them", "secret"),
        ("verify", "tell whether a night is what was signed", "public"),
    ):
        signed = action(name, words)
        signed.add_argument("night", metavar="NIGHT", help="as 2026-11-24")
        held = f"a {kind} key of minisign's" + (", a file or its text" if kind == "public" else "")
        signed.add_argument("--key", type=Path if kind == "secret" else str, required=True, metavar="KEY", help=held)
    action("compact", "gather trials in few Parquet files; what is read stays the same")
    pruned = action("prune", "drop rows, samples and logs older than a policy keeps them; results stay for ever")
    policy = Path("configs/retention.yaml")
    pruned.add_argument("--policy", type=Path, default=policy, metavar="FILE", help=f"days by kind (default: {policy})")
    pruned.add_argument("--dry-run", action="store_true", help="only tell what would go")
    action("clean", "remove what dead writers left and what compaction made needless, a day after")


def _site(one: argparse.ArgumentParser) -> None:
    actions = one.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = {
        name: actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        for name, words in (
            ("build", "build the dashboard: static files that open from disk"),
            ("serve", "serve it on 127.0.0.1 until Ctrl-C, built anew as results arrive, with what is measured now"),
            ("publish", "build it and copy it to a folder or an object store; a reader never meets half of it"),
        )
    }
    made["serve"].add_argument("--port", type=int, default=8000, metavar="N", help="port; 0: any free one (8000)")
    made["publish"].add_argument("place", metavar="PLACE", help="a folder, s3://bucket/prefix, …")
    for each in made.values():
        _places(each, "store", "pages")


def _report(one: argparse.ArgumentParser) -> None:
    actions = one.add_subparsers(dest="action", required=True, metavar="ACTION")
    night = actions.add_parser("night", help="a night", description="A night: what ran, changed and failed.")
    night.add_argument("night", nargs="?", metavar="NIGHT", help="as 2026-11-24 (default: the newest)")
    held = actions.add_parser("compare", help="two slices", description="Slice B of what is stored against slice A.")
    _slices(held)
    for each in (night, held):
        words = "its name ends in .md .pdf .png .svg (default: Markdown on standard output)"
        each.add_argument("--out", type=Path, metavar="FILE", help=words)
        _places(each, "store")


def _slices(one: argparse.ArgumentParser) -> None:
    words = "KEY=VALUE,… of the table of runs, as engine=vllm,engine_version=0.31.0, or a YAML file of such keys"
    one.add_argument("a", metavar="A", help=words)
    one.add_argument("b", metavar="B", help="the same; a ratio is B / A")
    one.add_argument("--metric", action="append", metavar="NAME", help="instead of those that `results points` shows")
    one.add_argument("--margin", default="2%", metavar="SHARE", help="a smaller difference does not matter (2%%)")


def _compare(one: argparse.ArgumentParser) -> None:
    _slices(one)
    one.add_argument("--markdown", type=Path, metavar="FILE", help="write it for a pull request")
    one.add_argument("--junit", type=Path, metavar="FILE", help="write it as JUnit XML")
    one.epilog = "Exit code: 0 nothing is worse, 1 something is, 4 not enough runs to tell, or not comparable."
    _places(one, "store")


def _changes(one: argparse.ArgumentParser) -> None:
    one.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help="only runs with this value")
    one.add_argument("--since", default="", metavar="NIGHT", help="only what was found in this night or later")
    one.add_argument("--plan", type=Path, metavar="FILE", help="write the jobs that would confirm, a job.json a line")
    _places(one, "store")


def _convert(one: argparse.ArgumentParser) -> None:
    one.add_argument("project", choices=("inferencex",), help="whose files they are")
    one.add_argument("files", type=Path, nargs="+", metavar="FILE", help="*-master.yaml, runners.yaml")
    one.add_argument("--out", type=Path, required=True, help="folder for grids, their files and report.md")


def _bench(one: argparse.ArgumentParser) -> None:
    one.usage = "enginebench bench URL [options]"
    one.formatter_class = lambda prog: argparse.HelpFormatter(prog, max_help_position=36, width=98)
    add = one.add_argument
    add("url", metavar="URL", help="base URL of the server, as http://127.0.0.1:8000")
    add("--model", metavar="NAME", help="default: the first that /v1/models names")
    add("--tokenizer", metavar="NAME", help="the model's folder or hub name, for prompts exact in tokens")
    add("--backend", choices=("openai", "vllm", "openai-chat"), default="openai", help="completions or chat")
    add("--endpoint", metavar="PATH", help="/v1/completions or /v1/chat/completions")
    add("--dataset-name", choices=("random",), default="random", help="what is sent")
    add("--input-len", "--random-input-len", type=int, default=1024, metavar="N", help="tokens (1024)")
    add("--output-len", "--random-output-len", type=int, default=128, metavar="N", help="tokens (128)")
    add("--random-prefix-len", type=int, default=0, metavar="N", help="shared tokens before the input (0)")
    add("--num-prompts", type=int, default=1000, metavar="N", help="requests of a run (1000)")
    add("--num-warmups", type=int, metavar="N", help="default: one a slot, at most 64")
    add("--max-concurrency", type=int, metavar="N", help="closed loop: requests in flight")
    add("--request-rate", type=float, default=float("inf"), metavar="RPS", help="open loop; inf: all at once")
    add("--burstiness", type=float, default=1.0, metavar="B", help="gamma shape of the gaps (1: Poisson)")
    add("--seed", type=int, default=0, metavar="N", help="of prompts and arrivals (0)")
    add("--ignore-eos", action="store_true", help="go on past stop tokens, to the length asked for")
    add("--extra-body", metavar="JSON", help="further fields of every request")
    add("--goodput", "--slo", nargs="+", metavar="LIMIT", help="ttft:500 tpot_p90:50 goodput:95 (ms, %%), or a preset")
    add("--until", metavar="SHARE", help="repeat until half the 95 %% interval is narrower, as 2%%")
    add("--find-limit", choices=("rate", "concurrency"), help="search the highest that keeps --slo")
    add("--max-seconds", type=float, metavar="S", help="budget of --until and --find-limit")
    add("--save-result", action="store_true", help="write JSON, and requests as Parquet")
    add("--save-detailed", action="store_true", help="the same with a value a request in the JSON")
    add("--result-dir", metavar="DIR", help="where to write it")
    add("--result-filename", metavar="FILE", help="what to call it")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    options = parser().parse_args(argv)
    # Schedulers end a job by TERM: the same as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from enginebench import commands

        return int(getattr(commands, options.command)(options))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; what was measured is kept", file=sys.stderr)
        return 3
    except BrokenPipeError:
        return 1
