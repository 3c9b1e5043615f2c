"""Dequantise a GGUF file into a Hugging Face directory in bf16. Run as a file by the converter's own Python."""

from __future__ import annotations

import sys
from pathlib import Path


def main(folder: str, file: str, out: str) -> None:
    """Read `folder/file`, write weights, configuration and tokenizer to `out`."""
    import torch  # type: ignore[import-not-found]
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # type: ignore[import-not-found]

    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=file,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(gguf_file=file, dequantize=True),
    )
    # What is saved is plain bf16: an engine that read the key would look for GGUF weights.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(folder, gguf_file=file).save_pretrained(out)
    for path in Path(out).iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main(*sys.argv[1:])
