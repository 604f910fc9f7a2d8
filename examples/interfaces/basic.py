"""A model as three functions: what it is, what it makes of a text, and how alike two texts are to it.

Serve it with `glovebox serve examples/interfaces/basic.py --sandbox ID`. The agent that calls these functions sees neither this
file nor the model.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import torch
import transformers
from glovebox_interface import expose

MODEL = os.environ.get("MODEL_MODEL_PATH", "sshleifer/tiny-gpt2")  # the first model of the sandbox, or one of the Hub

tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
model = transformers.AutoModel.from_pretrained(MODEL, torch_dtype="auto").eval()


def vector_of(text: str, pooling: str) -> Any:
    encoded = tokenizer(text, return_tensors="pt", return_token_type_ids=False).to(model.device)
    with torch.no_grad():
        states = model(**encoded).last_hidden_state[0].float()
    return states[-1] if pooling == "last" else states.mean(0)


@expose
def model_facts() -> dict[str, Any]:
    """Size and shape of the model, without its name."""
    config = getattr(model.config, "text_config", None) or model.config
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "layers": getattr(config, "num_hidden_layers", None),
        "hidden_size": getattr(config, "hidden_size", None),
        "vocabulary": len(tokenizer),
    }


@expose
def embedding(
    text: Annotated[str, "what is embedded"],
    pooling: Annotated[Literal["mean", "last"], "over all tokens, or of the last one"] = "mean",
) -> list[float]:
    """The last hidden state of a text as one vector."""
    vector: list[float] = vector_of(text, pooling).tolist()
    return vector


@expose
def similarity(first: str, second: str, *, pooling: Literal["mean", "last"] = "mean") -> float:
    """Cosine of the vectors of two texts, from -1 to 1."""
    return float(torch.cosine_similarity(vector_of(first, pooling), vector_of(second, pooling), dim=0))
