"""What the log says: texts that vLLM 0.32 on CPU really wrote (November 2026, shortened), and the rule for the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enginebench.errors import FAILURE_CLASSES
from enginebench.server import classify

WARNING = (
    "(APIServer pid=5642) WARNING 11-24 05:18:45 [system_utils.py:255] Found ulimit of 20000 "
    "and failed to automatically "
    "increase with error current limit exceeds maximum limit. This can cause fd limit errors like `OSError: [Errno 24] "
    "Too many open files`. Consider increasing with ulimit -n\n"
)
CONSEQUENCE = (
    "    raise RuntimeError(\n"
    "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}\n"
)
LEAK = (
    "/usr/lib/python3.11/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 1 "
    "leaked shared_memory objects to clean up at shutdown\n"
    "  warnings.warn('resource_tracker: There appear to be %d '\n"
)
WORKER = "(Worker pid=5762) ERROR 11-24 05:19:39 [multiproc_executor.py:953] "
CORE = "(EngineCore pid=6190) ERROR 11-24 05:21:17 [core.py:1510] "

REAL = {
    "unknown flag": (
        2,
        "usage: vllm [-h] [-v]\n            ...\nvllm: error: unrecognized arguments: --no-such-flag 3\n",
        "bad_argument",
        "vllm: error: unrecognized arguments: --no-such-flag 3",
    ),
    "value of the wrong kind": (
        2,
        "usage: vllm serve [model_tag] [options]\n"
        "vllm serve: error: argument --max-model-len: invalid human_readable_int_or_auto value: 'abc'\n",
        "bad_argument",
        "vllm serve: error: argument --max-model-len: invalid human_readable_int_or_auto value: 'abc'",
    ),
    "longer than the model's context": (
        1,
        WARNING + "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
        "  Value error, User-specified max_model_len (20000) is greater than the derived max_model_len "
        "(max_position_embeddings=8192.0 or model_max_length=None in model's config.json).\n"
        "    For further information visit https://errors.pydantic.dev/2.14/v/value_error\n",
        "bad_argument",
        "Value error, User-specified max_model_len (20000) is greater than the derived max_model_len "
        "(max_position_embeddings=8192.0 or model_max_length=None in model's config.json).",
    ),
    "path that does not exist": (
        1,
        WARNING + "    raise HFValidationError(\n"
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': "
        "'/models/none'. Use `repo_type` argument if needed.\n",
        "missing_weights",
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': "
        "'/models/none'. Use `repo_type` argument if needed.",
    ),
    "folder without config.json": (
        1,
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n"
        "  Value error, Invalid repository ID or local directory specified: './nocfg'.\n",
        "missing_weights",
        "Value error, Invalid repository ID or local directory specified: './nocfg'.",
    ),
    "folder without weights": (
        1,
        WORKER
        + "    raise RuntimeError(\n"
        + WORKER
        + "RuntimeError: Cannot find any model weights with `./noweights`\n"
        + CONSEQUENCE,
        "missing_weights",
        "RuntimeError: Cannot find any model weights with `./noweights`",
    ),
    "truncated weights": (
        1,
        WORKER + "safetensors._safetensors_rust.SafetensorError: Error while deserializing header: "
        "incomplete metadata, file not "
        "fully covered\n" + CONSEQUENCE,
        "missing_weights",
        "safetensors._safetensors_rust.SafetensorError: Error while deserializing header: "
        "incomplete metadata, file not "
        "fully covered",
    ),
    "port taken": (
        1,
        WARNING + "    sock.bind(addr)\nOSError: [Errno 98] Address already in use\n",
        "port_taken",
        "OSError: [Errno 98] Address already in use",
    ),
    "KV cache larger than the machine": (
        1,
        WORKER.replace("953", "1063")
        + "ValueError: Available memory on node 0 (5.43/7.34 GiB) on kv cache allocation is "
        "less than requested memory for kv (2000.0 GiB).\n" + CONSEQUENCE + LEAK,
        "out_of_memory",
        "ValueError: Available memory on node 0 (5.43/7.34 GiB) on kv cache allocation is less "
        "than requested memory for "
        "kv (2000.0 GiB).",
    ),
    "no room for a KV block": (
        1,
        CORE + "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`\n"
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`\n"
        + CONSEQUENCE
        + LEAK,
        "out_of_memory",
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`",
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_logs(name: str) -> None:
    exit_code, log, failure_class, message = REAL[name]
    assert classify(exit_code, log) == (failure_class, message)


@pytest.mark.parametrize(
    "line",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.",
        "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB.",
        "ValueError: To serve at least one request with the model's max seq len (8192), (4.0 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (1.2 GiB).",
        "OSError: [Errno 12] Cannot allocate memory",
        "MemoryError",
        "[2026-11-24 05:19:39 TP0] RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
        "\x1b[31mERROR 11-24 05:19:39 [core.py:1] torch.OutOfMemoryError: CUDA out of memory.\x1b[0m",
    ],
)
def test_out_of_memory_texts(line: str) -> None:
    failure_class, message = classify(1, f"loading\n{line}\n{CONSEQUENCE}")
    assert failure_class == "out_of_memory"
    assert message in line


@pytest.mark.parametrize("exit_code", [-9, 137])
def test_a_kill_that_the_log_does_not_explain_is_memory_and_says_so(exit_code: int) -> None:
    failure_class, message = classify(exit_code, "loading weights\n")
    assert failure_class == "out_of_memory"
    assert "signal 9" in message


def test_a_kill_that_the_log_explains_keeps_its_cause() -> None:
    assert classify(-9, REAL["port taken"][1])[0] == "port_taken"


@pytest.mark.parametrize(
    ("exit_code", "log", "message"),
    [
        (1, f"ValueError: odd shape\n{CONSEQUENCE}", "the server ended with exit code 1: ValueError: odd shape"),
        (1, f"loading\n{CONSEQUENCE}{LEAK}", "the server ended with exit code 1: RuntimeError: Engine core"),
        (0, "Shutting down\n", "the server ended with exit code 0: Shutting down"),
        (-11, "Fatal Python error: Segmentation fault\n", "the server was ended by signal 11: Fatal Python error"),
        (None, "", "the server ended unseen: its log is empty"),
        (1, WARNING, "the server ended with exit code 1: its log is empty"),
    ],
)
def test_all_else_is_a_crash_with_the_first_hand_error(exit_code: int | None, log: str, message: str) -> None:
    failure_class, told = classify(exit_code, log)
    assert failure_class == "crashed"
    assert told.startswith(message)


def test_exit_code_2_is_a_refused_command_line_even_in_words_unknown_here() -> None:
    assert classify(2, "what is --foo?\n") == (
        "bad_argument",
        "the server refused its command line (exit code 2): what is --foo?",
    )


@given(st.none() | st.integers(-64, 255), st.text())
def test_any_end_has_a_class_and_one_line(exit_code: int | None, log: str) -> None:
    failure_class, message = classify(exit_code, log)
    assert failure_class in FAILURE_CLASSES
    assert message
    assert len(message.splitlines()) == 1
