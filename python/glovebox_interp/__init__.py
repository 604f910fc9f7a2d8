"""Interpretability in a notebook: steer, capture, ablate, generate, look through the logit lens, read SAEs, switch adapters.

Two conventions hold everywhere. A position is the index of a token among the real (not padded) tokens of its row, the BOS
included, the prompt first and generated tokens after it; negative ones count from the end of the prompt. A layer is the index
of a block from 0, negative from the end; "the output of block n" is the residual stream after it, before any final norm.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("glovebox_interp needs PyTorch and transformers: %pip install torch transformers") from error

from .adapters import adapter, probe
from .capture import Activations, LogitLens, activations, logit_lens
from .generation import Generation, generate
from .hooks import active_hooks, clear_hooks
from .inputs import EncodedChat, encode_chat
from .memory import brief_tensors, gpu_report
from .saes import SaeLatents, ablate_latents, feature_diff, sae_latents, steer_latents
from .steering import ablate_direction, orthogonalize_weights, steer
from .structure import find_blocks
from .vectors import Vector, cosine, diff_of_means, load_vector, save_vector
from .wrappers import as_nnsight, as_transformer_lens

__all__ = [
    "Activations",
    "EncodedChat",
    "Generation",
    "LogitLens",
    "SaeLatents",
    "Vector",
    "ablate_direction",
    "ablate_latents",
    "activations",
    "active_hooks",
    "adapter",
    "as_nnsight",
    "as_transformer_lens",
    "brief_tensors",
    "clear_hooks",
    "cosine",
    "diff_of_means",
    "encode_chat",
    "feature_diff",
    "find_blocks",
    "generate",
    "gpu_report",
    "load_vector",
    "logit_lens",
    "orthogonalize_weights",
    "probe",
    "sae_latents",
    "save_vector",
    "steer",
    "steer_latents",
]
