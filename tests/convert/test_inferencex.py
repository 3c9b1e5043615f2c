"""InferenceX's configuration files: what is carried over can be read and planned, what is not has its reason.

The files are made up, of the shape of theirs; where ../shared has the real ones, every key of them is accounted for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from enginebench import config
from enginebench.convert import convert_inferencex
from enginebench.convert.sites import part_of
from enginebench.errors import UserError
from enginebench.plan import make_plan
from enginebench.records import ClosedLoop, Parallelism
from enginebench.runners import inventory

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "inferencex"
NAMES = ("amd-master.yaml", "nvidia-master.yaml", "runners.yaml")
SHIPPED = {config.read_model(path).repository for path in config.shipped("models").values()}
ENTRY = {"tp": 2, "conc-start": 4, "conc-end": 16}
RUNNERS = {
    "labels": {
        "h200": ["h200-a_0", "h200-b_0"],
        "h200-b": ["h200-b_0"],
        "h200-odd": ["h200-a_0", "h200-c_0"],
        "cluster:h200-a": ["h200-a_0"],
        "cluster:h200-c": ["h200-c_0"],
        "gb999": ["gb999_0"],
    },
    "hardware": {
        "cluster:h200-a": {"available-cpu-dram-mib": 1_000, "gpus-per-node": 8},
        "cluster:h200-c": {"gpus-per-node": 4},
        "gb999": {"gpus-per-node": 4},
    },
}


def configuration(*entries, isl=1024, osl=1024, **changes):
    """A key of a master file that can be carried over, or nearly."""
    given = {
        "image": "made/up:v1.2.3-cu1",
        "model": "someone/small",
        "model-prefix": "small",
        "runner": "h200",
        "precision": "fp8",
        "framework": "vllm",
        "multinode": False,
        "scenarios": {"fixed-seq-len": [{"isl": isl, "osl": osl, "search-space": list(entries or [ENTRY])}]},
        **changes,
    }
    return {name: value for name, value in given.items() if value is not ...}


def add_model(out, repository="someone/small", **precisions):
    sizes = precisions or {"fp8": 1_000_000}
    model = {
        "repository": repository,
        "license": "MIT",
        "facts_from": "made up",
        "source": {"kind": "hub", "repository": repository, "revision": "main"},
        "architecture": {
            "parameters": 1_000_000,
            "layers": 4,
            "hidden": 256,
            "heads": 8,
            "kv_heads": 2,
            "head_dim": 32,
            "vocabulary": 32_000,
            "context_tokens": 131_072,
        },
        "precisions": {name: {"weights_bytes": size} for name, size in sizes.items()},
    }
    path = out / "models" / f"{repository.replace('/', '-').lower()}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(model))


@pytest.fixture
def convert(tmp_path):
    """Converts configurations, by key, with the made-up runners; the model is described."""

    def run(name="a-master.yaml", **keys):
        (tmp_path / name).write_text(yaml.safe_dump(keys))
        (tmp_path / "runners.yaml").write_text(yaml.safe_dump(RUNNERS))
        add_model(tmp_path / "out")
        return convert_inferencex([tmp_path / name, tmp_path / "runners.yaml"], tmp_path / "out")

    return run


def outcome(conversion, key):
    (found,) = (one for one in conversion.outcomes if one.key == key)
    return found


def points_of(path):
    """Workload, split and concurrency of every point of a grid."""
    grid = config.read_grid(path)
    points = []
    for workload in grid.grid.workloads:
        for split in grid.grid.parallelism:
            points += [(workload, split.label(), load.concurrency) for load in grid.loads]
    points += [(item.workload, item.parallelism.label(), item.concurrency) for item in grid.grid.include]
    return points


def planned(out, key, site):
    found, part = inventory(config.read_site(out / "runners" / f"{site}.yaml"))
    return make_plan(config.read_grid(out / "grids" / f"{key}.yaml"), found, part)


def test_a_configuration_becomes_a_grid_that_is_read_and_planned(tmp_path, convert):
    one = outcome(convert(small=configuration()), "small")
    assert (one.status(), one.entries, one.carried) == ("whole", 1, 1)
    assert one.files == ("grids/small.yaml", "engines/made-up-v1.2.3-cu1.yaml", "runners/h200.yaml")
    plan = planned(tmp_path / "out", "small", "h200")
    (job,) = plan.jobs
    d = job.deployment
    assert (d.model.repository, d.engine_kind, d.engine_version, d.precision) == (
        *("someone/small", "vllm", "1.2.3", "fp8"),
    )
    assert (d.parallelism, d.vendor, d.max_sequences, plan.skips) == (Parallelism(tp=2), "nvidia", 16, ())
    assert [point.load for point in job.points] == [ClosedLoop(kind="closed", concurrency=n) for n in (4, 8, 16)]
    assert {(point.workload.isl_tokens, point.workload.osl_tokens) for point in job.points} == {(1024, 1024)}
    # Which image it was, no key of ours can hold.
    assert "image made/up:v1.2.3-cu1" in (tmp_path / "out" / "engines" / "made-up-v1.2.3-cu1.yaml").read_text()


@pytest.mark.parametrize(
    ("loads", "concurrency"),
    [
        ({"conc-start": 4, "conc-end": 4}, [4]),
        ({"conc-start": 1, "conc-end": 100}, [1, 2, 4, 8, 16, 32, 64, 100]),
        ({"conc-list": [16, 1, 16, 3]}, [1, 3, 16]),
    ],
)
def test_concurrency_is_as_their_generator_has_it(tmp_path, convert, loads, concurrency):
    convert(small=configuration({"tp": 1, **loads}))
    assert points_of(tmp_path / "out" / "grids" / "small.yaml") == [
        ("synthetic-1024-1024", "tp1", value) for value in concurrency
    ]


def test_entries_of_different_loads_are_one_grid_with_every_point_once(tmp_path, convert):
    lengths = [
        {"isl": 1024, "osl": 1024, "search-space": [ENTRY, {**ENTRY, "tp": 4, "ep": 4}, {"tp": 8, "conc-list": [1]}]},
        {"isl": 100, "osl": 10, "search-space": [ENTRY, {"tp": 2, "conc-list": [2, 4]}]},
    ]
    one = outcome(convert(small=configuration(scenarios={"fixed-seq-len": lengths})), "small")
    assert (one.status(), one.carried) == ("whole", 5)
    assert "workloads/synthetic-100-10.yaml" in one.files
    found = points_of(tmp_path / "out" / "grids" / "small.yaml")
    expected = {("synthetic-1024-1024", split, value) for split in ("tp2", "tp4·ep4") for value in (4, 8, 16)}
    expected |= {("synthetic-1024-1024", "tp8", 1)} | {("synthetic-100-10", "tp2", value) for value in (2, 4, 8, 16)}
    assert (len(found), set(found)) == (len(expected), expected)
    plan = planned(tmp_path / "out", "small", "h200")
    assert sum(len(job.points) for job in plan.jobs) == len(expected)


def test_what_is_no_cross_product_is_not_made_one(tmp_path, convert):
    lengths = [
        {"isl": 1024, "osl": 1024, "search-space": [ENTRY, {**ENTRY, "tp": 4}]},
        {"isl": 8192, "osl": 1024, "search-space": [ENTRY]},
    ]
    convert(small=configuration(scenarios={"fixed-seq-len": lengths}))
    found = points_of(tmp_path / "out" / "grids" / "small.yaml")
    cells = (("synthetic-1024-1024", "tp2"), ("synthetic-1024-1024", "tp4"), ("synthetic-8192-1024", "tp2"))
    assert sorted(found) == sorted((*cell, value) for cell in cells for value in (4, 8, 16))


def test_a_label_that_two_parts_may_be_is_none_of_them(monkeypatch):
    known = dict(config.shipped("hardware"))
    assert part_of("cluster:h200-nb").name == "h200-sxm"
    monkeypatch.setattr(config, "shipped", lambda folder: {**known, "h200-nvl": known["h200-sxm"]})
    assert part_of("cluster:h200-nb") is None
    monkeypatch.setattr(config, "shipped", lambda folder: {**known, "h200": known["mi300x"]})
    assert part_of("cluster:h200-nb").name == "mi300x"


def test_two_keys_of_one_image_share_its_engine(tmp_path, convert):
    add_model(tmp_path / "out", "someone/other", fp4=1_000)
    other = configuration(model="someone/other", precision="fp4")
    convert(small=configuration(), other=other, third=configuration(runner="mi355x"))
    engine = config.read_engine(tmp_path / "out" / "engines" / "made-up-v1.2.3-cu1.yaml")
    assert {vendor: build.precisions for vendor, build in engine.builds.items()} == {
        "nvidia": ("fp4", "fp8"),
        "amd": ("fp8",),
    }


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("a/b:v0.5.15.post1-cu130", "0.5.15.post1"),
        ("registry:5000/a/b:1.2", "1.2"),
        ("a/b:nightly-0966", "nightly-0966"),
        ("a/b:deepseek@sha256:1bf5", "deepseek"),
        ("a/b:1.2.3x", "1.2.3x"),
    ],
)
def test_the_version_is_that_of_the_tag_and_no_more(tmp_path, convert, image, version):
    one = outcome(convert(small=configuration(image=image)), "small")
    assert config.read_engine(tmp_path / "out" / one.files[1]).version == version
    assert planned(tmp_path / "out", "small", "h200").jobs


@pytest.mark.parametrize(
    ("changes", "entry", "reason"),
    [
        ({"model": "someone/unknown"}, {}, "a model whose facts are in no file (someone/unknown)"),
        ({"precision": "fp4"}, {}, "a precision that the model's file lacks (fp4 someone/small)"),
        ({"framework": "trt"}, {}, "an engine without an adapter (trt)"),
        ({"framework": "openai"}, {}, "an engine without an adapter (openai)"),
        ({"runner": "cluster:gb998-nv"}, {}, "hardware that configs/hardware does not describe (gb998)"),
        ({"image": "a/b"}, {}, "an image without a tag (a/b)"),
        ({"image": None}, {}, "a value of another kind than expected (image: null)"),
        ({"multinode": True}, {}, "several nodes or roles (multinode)"),
        ({"multinode": True, "disagg": True}, {}, "several nodes or roles (disagg)"),
        ({"router": {"name": "r", "version": "1"}}, {}, "several nodes or roles (router)"),
        ({"colour": "red"}, {}, "a key that is not known here (colour)"),
        ({"scenarios": {}}, {}, "a value of another kind than expected (scenarios: {})"),
        ({"scenarios": {"agentic-coding": [{"search-space": [ENTRY]}]}}, {}, "a workload that can't be written here"),
        ({"isl": "long"}, {}, 'a value of another kind than expected (isl: "long")'),
        ({}, {"prefill": {"tp": 1}}, "several nodes or roles (prefill)"),
        ({}, {"spec-decoding": "mtp"}, "speculative decoding, whose settings their script holds (mtp)"),
        ({}, {"dp-attn": True}, "data-parallel attention, whose replicas their script holds (dp-attn)"),
        ({}, {"dp-attn": "yes"}, 'a value of another kind than expected (dp-attn: "yes")'),
        ({}, {"dcp-size": 2}, "a split that can't be written here (dcp-size 2)"),
        ({}, {"kv-offloading": "dram"}, "a KV cache beyond the accelerators (dram)"),
        ({}, {"shape": "round"}, "a key that is not known here (shape)"),
        ({}, {"tp": 0}, "a value of another kind than expected (tp: 0)"),
        ({}, {"tp": ...}, "a value of another kind than expected (tp: null)"),
        ({}, {"conc-end": 2}, "a value of another kind than expected (conc-list: [4, 2])"),
        ({}, {"conc-list": ["many"]}, 'a value of another kind than expected (conc-list: ["many"])'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_not_be_carried_over_has_its_reason_and_no_file(tmp_path, convert, changes, entry, reason):
    wrong = {name: value for name, value in {**ENTRY, **entry}.items() if value is not ...}
    conversion = convert(small=configuration(wrong, **changes), good=configuration())
    one = outcome(conversion, "small")
    assert (one.status(), one.files) == ("not", ())
    (held,) = one.held
    assert [str(each)[: len(reason)] for each in held] == [reason]
    assert reason in conversion.document()
    assert [path.name for path in (tmp_path / "out" / "grids").iterdir()] == ["good.yaml"]


def test_settings_that_ask_for_nothing_are_no_loss(convert):
    plain = {"spec-decoding": "none", "dp-attn": False, "ep": 1, "pp": 1, "dcp-size": 1, "kv-offloading": "none"}
    assert outcome(convert(small=configuration({**ENTRY, **plain}, disagg=False)), "small").status() == "whole"


def test_of_a_key_with_one_entry_too_many_the_others_stay(tmp_path, convert):
    conversion = convert(small=configuration(ENTRY, {**ENTRY, "tp": 4, "spec-decoding": "mtp"}))
    one = outcome(conversion, "small")
    assert (one.status(), one.entries, one.carried) == ("in part", 2, 1)
    assert points_of(tmp_path / "out" / "grids" / "small.yaml") == [
        ("synthetic-1024-1024", "tp2", value) for value in (4, 8, 16)
    ]
    # Counted field by field: the configuration's once, the entries' each.
    assert (conversion.fields["image"], conversion.fields["isl"]) == ((1, 1), (1, 1))
    assert (conversion.fields["tp"], conversion.fields["spec-decoding"]) == ((2, 1), (1, 0))


def test_a_model_described_later_is_carried_over_then(tmp_path, convert):
    key = configuration(model="someone/later")
    assert outcome(convert(small=key), "small").status() == "not"
    add_model(tmp_path / "out", "someone/later")
    assert outcome(convert(small=key), "small").status() == "whole"


def test_a_shipped_model_is_known_by_its_repository(tmp_path, convert):
    shipped = next(model for model in map(config.read_model, config.shipped("models").values()))
    assert (
        outcome(
            convert(small=configuration(model=shipped.repository, precision=next(iter(shipped.precisions)))), "small"
        ).status()
        == "whole"
    )
    assert list(config.read_grid(tmp_path / "out" / "grids" / "small.yaml").models) == [shipped.name]


def test_runners_become_sites_of_one_machine(tmp_path, convert):
    conversion = convert(small=configuration())
    sites = {path.stem: config.read_site(path) for path in (tmp_path / "out" / "runners").iterdir()}
    assert {name: (site.hardware.name, site.hardware.count) for name, site in sites.items()} == {
        "h200": ("h200-sxm", 8),
        "cluster-h200-a": ("h200-sxm", 8),
        "cluster-h200-c": ("h200-sxm", 4),
    }
    assert outcome(conversion, "labels.h200").lost == ("the names of its 2 runners: a site here is one machine",)
    assert outcome(conversion, "hardware.cluster:h200-a").lost == (
        "`available-cpu-dram-mib`: a site has no key for it",
    )
    assert outcome(conversion, "hardware.cluster:h200-c").status() == "whole"
    reasons = {one.key: str(one.held[0][0]) for one in conversion.outcomes if one.file == "runners.yaml" and one.held}
    assert reasons == {
        "labels.h200-b": "the number of devices is not in the file, or not one (h200-b)",
        "labels.h200-odd": "the number of devices is not in the file, or not one (h200-odd)",
        "labels.gb999": "hardware that configs/hardware does not describe (gb999)",
        "hardware.gb999": "hardware that configs/hardware does not describe (gb999)",
    }


def test_a_runner_without_a_site_is_a_loss_but_none_where_no_runners_were_named(tmp_path, convert):
    one = outcome(convert(small=configuration(runner="h200-elsewhere")), "small")
    assert (one.status(), one.lost) == ("in part", ("`runner` h200-elsewhere: it has no site",))
    assert outcome(convert_inferencex([tmp_path / "a-master.yaml"], tmp_path / "out"), "small").status() == "whole"


def test_the_account_has_every_key_once_and_counts_what_a_reason_alone_holds_back(tmp_path, convert):
    mtp = {**ENTRY, "spec-decoding": "mtp"}
    conversion = convert(one=configuration(mtp, mtp), two=configuration(mtp, framework="trt"))
    text = (tmp_path / "out" / "report.md").read_text()
    assert text == conversion.document()
    assert text.count("| `one` |") == text.count("| `two` |") == text.count("| `labels.gb999` |") == 1
    assert "| a-master.yaml | 2 | 0 | 0 | 2 | 3 | 0 |" in text
    assert "| speculative decoding, whose settings their script holds | 2 | 3 | 2 |" in text
    assert "| an engine without an adapter | 1 | 1 | 0 |" in text
    assert "| `one` | a-master.yaml:1 | not | 0 of 2 | – | speculative" in text


def test_a_file_of_something_else_and_a_key_in_two_files_are_told(tmp_path, convert):
    (tmp_path / "b.yaml").write_text("models: [small]\n")
    with pytest.raises(UserError, match=r"b.yaml: holds no configuration with `image` and `scenarios`; name one of"):
        convert_inferencex([tmp_path / "b.yaml"], tmp_path / "out")
    convert(small=configuration())
    (tmp_path / "b.yaml").write_text(yaml.safe_dump({"small": configuration()}))
    with pytest.raises(UserError, match=r"b.yaml:1: `small` stands in another of the files too"):
        convert_inferencex([tmp_path / "a-master.yaml", tmp_path / "b.yaml"], tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written: "):
        convert_inferencex([tmp_path / "a-master.yaml"], tmp_path / "file")


def run(folder, *words):
    argv = [sys.executable, "-m", "enginebench", "convert", "inferencex", *words]
    return subprocess.run(argv, capture_output=True, text=True, cwd=folder, timeout=60)


def test_the_command_prints_the_counts_and_tells_by_its_exit_code_whether_all_went_over(tmp_path):
    add_model(tmp_path / "out")
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"small": configuration()}))
    done = run(tmp_path, "a.yaml", "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "| a.yaml | 1 | 1 | 0 | 0 | 1 | 1 |" in done.stdout
    assert done.stdout.endswith("key by key in out/report.md\n")
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({"small": configuration(framework="trt")}))
    done = run(tmp_path, "a.yaml", "--out", "out")
    assert done.returncode == 1
    assert "| an engine without an adapter | 1 | 1 | 1 |" in done.stdout
    done = run(tmp_path, "b.yaml", "--out", "out")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def expected_points(raw):
    """Points of the real configurations that one server of vLLM or SGLang can be asked for, read by itself here."""
    for item in raw["scenarios"].get("fixed-seq-len", ()):
        for entry in item["search-space"]:
            if entry.get("spec-decoding", "none") != "none" or entry.get("dp-attn"):
                continue
            values, value = set(entry.get("conc-list", ())), entry.get("conc-start")
            while value is not None and value < entry["conc-end"]:
                values.add(value)
                value *= 2
            values |= {entry["conc-end"]} if value is not None else set()
            split = Parallelism(tp=entry["tp"], ep=entry.get("ep", 1)).label()
            yield from ((f"synthetic-{item['isl']}-{item['osl']}", split, value) for value in values)


def read_published():
    return {name: yaml.safe_load((REAL / name).read_text()) for name in NAMES}


def site_of(out, label):
    """The label's site; one of them names a runner that their file of runners does not have."""
    name = label.replace(":", "-")
    return name if (out / "runners" / f"{name}.yaml").exists() else label.removeprefix("cluster:").split("-")[0]


@pytest.mark.skipif(not REAL.is_dir(), reason="no real files here")
def test_every_key_of_the_published_files_is_accounted_for(tmp_path):
    raw = read_published()
    configurations = {**raw["amd-master.yaml"], **raw["nvidia-master.yaml"]}
    sites = {f"{kind}.{key}" for kind, one in raw["runners.yaml"].items() for key in one}
    for repository in {one["model"] for one in configurations.values()} - SHIPPED:
        add_model(tmp_path, repository, fp8=1_000_000, fp4=1_000_000)
    account = convert_inferencex([REAL / name for name in NAMES], tmp_path)
    assert sorted(one.key for one in account.outcomes) == sorted({*configurations, *sites})
    assert not set(account.fields) - set(account.meanings)
    written = 0
    for key, one in configurations.items():
        single = one["framework"] in ("vllm", "sglang") and not one["multinode"]
        wanted = set(expected_points(one)) if single else set()
        assert bool(wanted) == (outcome(account, key).carried > 0), key
        if wanted:
            written += 1
            assert set(points_of(tmp_path / "grids" / f"{key}.yaml")) == wanted
            plan = planned(tmp_path, key, site_of(tmp_path, one["runner"]))
            assert sum(len(job.points) for job in plan.jobs) + len(plan.skips) == len(wanted)
            assert plan.jobs
    assert written == len(list((tmp_path / "grids").iterdir()))
    assert written > 0


@pytest.mark.skipif(not REAL.is_dir(), reason="no real files here")
def test_what_the_published_files_ask_of_one_machine_fits_as_shipped(tmp_path):
    # Those who published them ran them: a skip for memory would be a wrong fact of ours.
    raw = read_published()
    configurations = {**raw["amd-master.yaml"], **raw["nvidia-master.yaml"]}
    account = convert_inferencex([REAL / name for name in NAMES], tmp_path)
    lacking = {
        reason.detail for one in account.outcomes for held in one.held for reason in held if "model" in reason.kind
    }
    assert lacking == {one["model"] for one in configurations.values()} - SHIPPED
    assert not any("hardware" in reason.kind for one in account.outcomes for held in one.held for reason in held)
    assert [one.status() for one in account.outcomes if one.key in configurations].count("whole") >= 20
    for path in (tmp_path / "grids").iterdir():
        plan = planned(tmp_path, path.stem, site_of(tmp_path, configurations[path.stem]["runner"]))
        assert plan.jobs
        assert plan.skips == (), path.stem
