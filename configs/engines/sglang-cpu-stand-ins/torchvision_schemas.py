"""Lets torchvision's CUDA wheel, the only one on the package index, be imported beside a CPU build of torch.

torch calls `declare` at the end of its own import (entry point group `torch.backends`). torchvision registers shapes
for two of its operators when it is imported and fails where they do not exist; so they are declared, without a kernel,
where torchvision's own library cannot be loaded, and nowhere else.
"""

import importlib.util
from pathlib import Path

_declared = []
"""Keeps the declarations alive: torch forgets them with their owner."""


def declare() -> None:
    """Declare the operators if torchvision is installed and its own library cannot be loaded."""
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None or _declared:
        return
    try:
        torch.ops.load_library(Path(found.origin).with_name("_C.so"))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
