"""What is measured: model, engine, accelerator, deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, MinLen
from pydantic import Discriminator

from enginebench.records.base import LATER, Scalar, record

Positive = Annotated[int, Gt(0)]
Vendor = Literal["cpu", "nvidia", "amd", "tpu"]


@record
class KvLayers:
    """Layers that keep the same of each token in the KV cache."""

    layers: Positive
    """How many."""
    kv_heads: Positive
    """Heads that tensor parallelism can divide; of a latent or one index key a token, that every device holds: 1."""
    row_elements: Positive
    """Elements that a head keeps of a row: K and V, 2 × the head's width; latent rank + rotary width (MLA)."""
    window_tokens: Positive | None = None
    """Tokens that are kept, the latest; null: all."""
    tokens_per_row: Positive = 1
    """Tokens that a row stands for, more than one where attention is compressed."""

    def elements(self, tokens: int, tp: int) -> int:
        """Elements that one sequence of so many tokens keeps on all `tp` devices; heads too few for them are copied."""
        rows = -(-min(tokens, self.window_tokens or tokens) // self.tokens_per_row)
        return self.layers * rows * self.row_elements * tp * -(-self.kv_heads // tp)


@record
class Architecture:
    """The facts of a model that its memory and its prompts depend on."""

    parameters: Positive
    """Number of weights."""
    layers: Positive
    """Number of transformer blocks."""
    hidden: Positive
    """Width of the residual stream."""
    heads: Positive
    """Attention heads a layer."""
    kv_heads: Positive
    """Key/value heads a layer (grouped-query attention)."""
    head_dim: Positive
    """Width of a head, as queries and keys have it."""
    vocabulary: Positive
    """Number of token ids."""
    context_tokens: Positive
    """Longest context the model was trained for, tokens."""
    first_text_id: Annotated[int, Ge(0)] = 0
    """Lowest id of an ordinary token; special tokens lie below it."""
    active_parameters: Positive | None = field(default=None, metadata=LATER)
    """Weights that one token passes (mixture of experts); null: all."""
    experts: Positive | None = field(default=None, metadata=LATER)
    """Routed experts a layer; null: there are none."""
    experts_per_token: Positive | None = field(default=None, metadata=LATER)
    """Routed experts that one token passes in a layer; null: there are none."""
    kv_cache: tuple[KvLayers, ...] = field(default=(), metadata=LATER)
    """What the KV cache holds, where it is not K and V of every layer, head and token; empty: it is."""
    state_bytes: Annotated[int, Ge(0)] = field(default=0, metadata=LATER)
    """What a sequence keeps beside it whatever its length, bytes: the state of linear attention."""

    def kv_layers(self) -> tuple[KvLayers, ...]:
        """What the KV cache holds: `kv_cache`, else 2 (K and V) × `head_dim` of `kv_heads` in every layer."""
        plain = KvLayers(layers=self.layers, kv_heads=self.kv_heads, row_elements=2 * self.head_dim)
        return self.kv_cache or (plain,)

    def expert_share(self) -> float:
        """Share of the weights that are routed experts, by what of them is not active; 0 where there are none."""
        active, experts, taken = self.active_parameters, self.experts, self.experts_per_token
        if active is None or experts is None or taken is None or taken >= experts:
            return 0.0
        return min(1.0, (1 - active / self.parameters) * experts / (experts - taken))


@record
class HubSource:
    """Weights from a Hugging Face hub, by revision."""

    kind: Literal["hub"]
    repository: Annotated[str, MinLen(1)]
    """`owner/name`."""
    revision: Annotated[str, MinLen(1)]
    """A commit hash, tag or branch; what it resolved to is stored with the result."""


@record
class LocalSource:
    """Weights in a Hugging Face directory on this machine."""

    kind: Literal["local"]
    path: Annotated[str, MinLen(1)]
    """Folder with `config.json`, weights and tokenizer."""


@record
class PackageSource:
    """A GGUF file inside a package of the Python index, converted once to a Hugging Face directory."""

    kind: Literal["package"]
    package: Annotated[str, MinLen(1)]
    """Pinned requirement, `name==version`."""
    file: Annotated[str, MinLen(1)]
    """The GGUF file's path inside the package."""
    sha256: Annotated[str, MinLen(64)]
    """Hash of that file."""
    converter: Annotated[str, MinLen(1)]
    """Requirements file of the environment that converts it, relative to the model's file."""
    converter_requirements: tuple[str, ...] = ()
    """The pinned lines of `converter`, filled in when the file is read."""
    converter_index: str | None = None
    """Package index asked only when one of those pins is not found without it."""
    weights_sha256: Annotated[str, MinLen(64)]
    """Hash of the converted `model.safetensors`."""


@record
class DummySource:
    """No weights: the engine makes random ones from the configuration alone. Marked so in every result."""

    kind: Literal["dummy"]
    config: Mapping[str, object]
    """The contents of the model's `config.json`."""


ModelSource = Annotated[HubSource | LocalSource | PackageSource | DummySource, Discriminator("kind")]


@record
class Precision:
    """One way a model's weights are stored."""

    weights_bytes: Positive
    """Size of the weights in memory, bytes."""
    kv_bytes: Literal[1, 2, 4] = 2
    """Bytes of one element of the KV cache."""


@record
class Model:
    """A model as the configuration describes it."""

    name: Annotated[str, MinLen(1)]
    """Key: the file's name."""
    repository: Annotated[str, MinLen(1)]
    """Where the model is at home, `owner/name`."""
    license: str
    """SPDX name of the weights' licence."""
    source: ModelSource
    """Where the weights come from."""
    architecture: Architecture
    """Facts for memory fits and prompts."""
    precisions: Mapping[str, Precision]
    """Precision name (`bf16`, `fp8`) to its size."""
    facts_from: str
    """Source and date of the architecture's figures."""

    def kv_bytes(self, precision: str, tokens: int, tp: int = 1) -> int:
        """Bytes that one sequence of so many tokens keeps on one replica's devices, each layer's on `tp` of them."""
        elements = sum(one.elements(tokens, tp) for one in self.architecture.kv_layers())
        return elements * self.precisions[precision].kv_bytes + self.architecture.state_bytes

    def step_bytes(self, precision: str) -> float:
        """Bytes of weights that a decoding step reads at least: those that are active for one token."""
        a = self.architecture
        return self.precisions[precision].weights_bytes * (a.active_parameters or a.parameters) / a.parameters


@record
class MetadataAlias:
    """A second name under which an installed distribution is found by its own command line."""

    name: str
    """Distribution name to add."""
    version: str
    """Version to state."""
    reason: str
    """Why it is needed: recorded with every result."""


@record
class Overlay:
    """Modules of ours that stand in for a package that cannot be had, copied into an engine's environment.

    They only ever add: an environment that has a module or distribution of such a name already is refused.
    """

    name: Annotated[str, MinLen(1)]
    """What they are, in the words that every result repeats."""
    folder: Annotated[str, MinLen(1)]
    """Folder beside the engine's file whose contents go into `site-packages`."""
    reason: Annotated[str, MinLen(1)]
    """Why they are needed and what they change: recorded with every result."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path in the folder to text, filled in when the engine's file is read."""


@record
class VenvProvision:
    """An environment of the engine's own, made from pinned requirements."""

    kind: Literal["venv"]
    requirements: Annotated[str, MinLen(1)]
    """Requirements file with every distribution pinned, relative to the engine's file."""
    pins: tuple[str, ...] = ()
    """The lines of that file, filled in when it is read; their hash is the lock hash."""
    extra_index: str | None = None
    """Package index asked only when a pin is not found without it; several are divided by spaces."""
    alias: MetadataAlias | None = None
    """Metadata written after the install, if the distribution needs it."""
    overlays: tuple[Overlay, ...] = ()
    """What is copied in after the install."""
    executable: Annotated[str, MinLen(1)]
    """Command in the environment that starts the engine."""


@record
class ExecutableProvision:
    """An engine that is already installed: a command on the PATH or an absolute path."""

    kind: Literal["executable"]
    executable: Annotated[str, MinLen(1)]
    """Command name or absolute path."""


@record
class EndpointProvision:
    """A server that is already running; it is measured, never started or stopped."""

    kind: Literal["endpoint"]
    url: Annotated[str, MinLen(1)]
    """Base URL, as `http://host:port`."""
    served_model: str | None = None
    """Model name to ask for; the server's first one when null."""


Provision = Annotated[VenvProvision | ExecutableProvision | EndpointProvision, Discriminator("kind")]


@record
class Channels:
    """How `ENGINE@latest` and `ENGINE@nightly` become an exact version with pins."""

    distribution: Annotated[str, MinLen(1)]
    """The engine's own distribution, whose newest version is asked for."""
    leave_out: tuple[str, ...] = ()
    """Requirements of it, at any depth, that its environment does without."""
    nightly_index: str | None = None
    """Package index of the nightly wheels; null: there are none."""


@record
class EngineBuild:
    """An engine as built for one vendor's parts."""

    provision: Provision
    """How to get it."""
    precisions: tuple[str, ...]
    """Precisions this build can serve."""
    arguments: Mapping[str, Scalar] = field(default_factory=dict)
    """Server flags without dashes."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the server."""
    channels: Channels | None = None
    """How a channel is followed; null: only exact versions can be asked for."""


@record
class Engine:
    """One engine version, with a build for each vendor it is to run on."""

    name: Annotated[str, MinLen(1)]
    """Key: the file's name."""
    kind: Annotated[str, MinLen(1)]
    """Which adapter in `engines/` knows it."""
    version: Annotated[str, MinLen(1)]
    """Exact version."""
    builds: Mapping[Vendor, EngineBuild]
    """Vendor to build."""


@record
class Accelerator:
    """One device as found on a machine."""

    vendor: Vendor
    index: Annotated[int, Ge(0)]
    """Position in the vendor's own numbering."""
    product: Annotated[str, MinLen(1)]
    """Product name as the vendor's library gives it."""
    memory_bytes: Positive
    """Memory the engine can use, bytes; for a CPU the machine's memory."""
    driver: str | None = None
    """Driver or runtime version; null where the part has none."""
    cores: int | None = None
    """CPU cores of a CPU part; null elsewhere."""


@record
class Inventory:
    """What a site has to measure on."""

    site: str
    """Key: the site file's name."""
    launcher: str
    """Which runner in `runners/` starts jobs there."""
    accelerators: tuple[Accelerator, ...]
    """The devices; one vendor and product a site."""
    hourly_usd: float | None = None
    """Price of one accelerator-hour, if the site states it."""


@record
class Parallelism:
    """How a model is split over devices."""

    tp: Positive = 1
    """Tensor parallel size."""
    pp: Positive = 1
    """Pipeline parallel size."""
    dp: Positive = 1
    """Data parallel replicas."""
    ep: Positive = 1
    """Expert parallel size; runs inside tp × dp devices."""

    def label(self) -> str:
        """Short form that leaves out ones: `tp2·dp4`, `tp1`."""
        parts = [f"{name}{size}" for name, size in (("pp", self.pp), ("dp", self.dp), ("ep", self.ep)) if size > 1]
        return "·".join([f"tp{self.tp}", *parts])


@record
class Deployment:
    """Engine + model + accelerator + parallelism + arguments: what one server start fixes."""

    engine: str
    """Name of the engine's configuration."""
    engine_kind: str
    """Adapter in `engines/`."""
    engine_version: str
    """Exact version."""
    provision: Provision
    """How the engine is got, pins included."""
    model: Model
    """The model, its source included."""
    precision: str
    """Key into the model's precisions."""
    vendor: Vendor
    """Vendor of the accelerators."""
    product: str
    """Product of the accelerators."""
    devices: Positive
    """Accelerators taken, as the engine counts them."""
    parallelism: Parallelism
    """The split."""
    context_tokens: Positive
    """Longest request the server accepts, tokens."""
    max_sequences: Positive
    """Most requests in one batch."""
    prefix_cache: bool
    """Whether the engine may reuse KV of equal prefixes."""
    arguments: Mapping[str, Scalar]
    """Server flags beyond the above, without dashes."""
    environment: Mapping[str, str]
    """Server environment beyond the harness's own."""
