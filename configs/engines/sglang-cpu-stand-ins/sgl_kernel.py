"""Stands in for SGLang's kernel package, of which no CPU build is on the package index.

SGLang's CPU paths import these names when they are loaded. None computes anything: called, it says so. As
`torch.ops.sgl_kernel` stays empty, SGLang runs its own PyTorch code wherever it looks for an operator there.
"""

from collections.abc import Callable
from typing import NoReturn


def _absent(name: str) -> Callable[..., NoReturn]:
    def call(*_: object, **__: object) -> NoReturn:
        raise NotImplementedError(f"sgl_kernel.{name}: CPU reference kernels only, none was built for this machine")

    return call


# Placement of requests in the token pool (where PyTorch code is the other way) and speculative decoding.
assign_req_to_token_pool_cpu = _absent("assign_req_to_token_pool_cpu")
assign_extend_cache_locs_cpu = _absent("assign_extend_cache_locs_cpu")
assign_draft_cache_locs_contiguous_cpu = _absent("assign_draft_cache_locs_contiguous_cpu")
build_tree_kernel_efficient_cpu = _absent("build_tree_kernel_efficient_cpu")
copy_all_layer_kv_cache_cpu = _absent("copy_all_layer_kv_cache_cpu")
fill_accept_out_cache_loc_cpu = _absent("fill_accept_out_cache_loc_cpu")
fill_bonus_tokens_cpu = _absent("fill_bonus_tokens_cpu")
rotate_input_ids_cpu = _absent("rotate_input_ids_cpu")
verify_tree_greedy_cpu = _absent("verify_tree_greedy_cpu")
