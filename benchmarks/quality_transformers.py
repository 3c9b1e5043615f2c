"""What the quality gate needs of transformers: a reference at full precision, and damaged copies of a model.

Run as a file by the converter's own Python (torch, transformers, safetensors); imports nothing of enginebench.
`quality_gate.py` calls it, with JSON on standard input for `reference`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path


def reference(folder: str, asked: dict, dtype: str, attention: str) -> dict:
    """Log-probabilities of fixed texts and greedy answers to questions.

    `asked`: `texts`, `top` (alternatives a position), `prompts` (questions), `stop`, `max_tokens`. Texts come back as
    token ids, for each id but the first its log-probability and the `top` likeliest ids with theirs (nats, float32).
    """
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=attention
    ).eval()
    texts = []
    with torch.inference_mode():
        for text in asked["texts"]:
            ids = tokenizer(text, return_tensors="pt").input_ids
            found = torch.log_softmax(model(ids).logits[0, :-1].float(), -1)
            top = found.topk(asked["top"])
            texts.append(
                {
                    "text": text,
                    "token_ids": ids[0].tolist(),
                    "logprobs": found.gather(-1, ids[0, 1:, None])[:, 0].tolist(),
                    "top": [
                        list(zip(row_ids, row, strict=True))
                        for row_ids, row in zip(top.indices.tolist(), top.values.tolist(), strict=True)
                    ],
                }
            )
        # Every token with the end in it ends an answer; `stop_strings` is far slower, going through all spellings.
        words = tokenizer.batch_decode([[index] for index in range(len(tokenizer))])
        ends = [index for index, text in enumerate(words) if asked["stop"] in text]
        answers = [
            answer
            for batch in _batches(asked["prompts"], 25)
            for answer in _answers(model, tokenizer, batch, asked, ends)
        ]
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    return {"texts": texts, "answers": answers, "versions": versions}


def _batches(values: list, size: int):
    return (values[at : at + size] for at in range(0, len(values), size))


def _answers(model, tokenizer, prompts: list[str], asked: dict, ends: list[int]) -> list[str]:
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    inputs = tokenizer(prompts, return_tensors="pt", padding=True)
    written = model.generate(
        **inputs,
        max_new_tokens=asked["max_tokens"],
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )[:, inputs.input_ids.shape[1] :]
    print(f"{len(prompts)} answers", file=sys.stderr, flush=True)
    return tokenizer.batch_decode(written, skip_special_tokens=True)


def damage(folder: str, out: str, kind: str, amount: float, layer: int | None) -> None:
    """A copy of the model with its layers' matrices spoilt; `layer`: only those of this one.

    `noise`: each weight gets normal noise of `amount` standard deviations of its matrix. `round`: each row is rounded
    to 2**`amount` evenly spaced values between its extremes, as a coarse quantisation does.
    """
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, out)
    file = Path(out) / "model.safetensors"
    weights = load_file(file)
    draws = torch.Generator().manual_seed(0)
    for name, value in sorted(weights.items()):
        if ".layers." not in name or value.ndim != 2 or (layer is not None and f".layers.{layer}." not in name):
            continue
        exact = value.float()
        if kind == "noise":
            spoilt = exact + amount * exact.std() * torch.randn(exact.shape, generator=draws)
        else:
            low, high = exact.amin(1, keepdim=True), exact.amax(1, keepdim=True)
            step = (high - low) / (2**amount - 1)
            spoilt = low + ((exact - low) / step).round() * step
        weights[name] = spoilt.to(value.dtype).contiguous()
    save_file(weights, file, metadata={"format": "pt"})


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("reference")
    one.add_argument("folder")
    one.add_argument("--dtype", default="float32")
    one.add_argument("--attention", default="sdpa")
    one = commands.add_parser("damage")
    one.add_argument("folder")
    one.add_argument("out")
    one.add_argument("kind", choices=["noise", "round"])
    one.add_argument("amount", type=float)
    one.add_argument("--layer", type=int)
    given = parser.parse_args()
    if given.command == "reference":
        print(json.dumps(reference(given.folder, json.load(sys.stdin), given.dtype, given.attention)))
    else:
        damage(given.folder, given.out, given.kind, given.amount, given.layer)


if __name__ == "__main__":
    main()
