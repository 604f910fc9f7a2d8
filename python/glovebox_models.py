"""The models of a sandbox, as its kernels see them: where their weights lie, and how they are loaded.

>>> from glovebox_models import get_model_path, list_models
>>> get_model_path("model")
"""

from __future__ import annotations

import json
import os
from typing import Any

__all__ = ["get_model_path", "list_models", "preload"]

MIME = "application/vnd.glovebox.models+json"
MARKER = ".glovebox-complete.json"
TASKS = {
    "causal-lm": "AutoModelForCausalLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "image-text": "AutoModelForImageTextToText",
    "encoder": "AutoModel",
}


def _specs() -> list[dict[str, Any]]:
    place = os.environ.get("GLOVEBOX_MODELS")
    if not place:
        return []
    with open(place, encoding="utf-8") as stream:
        specs: list[dict[str, Any]] = json.load(stream)
    return [{**spec, "path": os.path.abspath(spec["path"])} for spec in specs]


def list_models() -> list[dict[str, str]]:
    """Variable, id and path of every model of this sandbox; the id of a hidden one is not known here."""
    return [{"var": spec["var"], "id": spec["id"], "path": spec["path"]} for spec in _specs()]


def get_model_path(id_or_var: str) -> str:
    """The folder with the weights of a model, by its id or its variable."""
    for spec in _specs():
        if id_or_var == spec["var"] or (id_or_var == spec["id"] and not spec["is_hidden"]):
            path: str = spec["path"]
            return path
    known = ", ".join(spec["var"] for spec in _specs()) or "none"
    raise KeyError(f"no model {id_or_var!r} in this sandbox; models: {known}")


def task_of(config: Any) -> str:
    """From the configuration: which class loads it."""
    architectures = " ".join(getattr(config, "architectures", None) or [])
    if "ImageText" in architectures or "VL" in architectures or hasattr(config, "vision_config"):
        return "image-text"
    if getattr(config, "is_encoder_decoder", False):
        return "seq2seq"
    return "causal-lm" if "ForCausalLM" in architectures or "LMHead" in architectures else "encoder"


def load(spec: dict[str, Any]) -> tuple[Any, Any]:
    """Model and tokenizer, ready for use: no gradients, a pad token, the padding side that was asked for."""
    import torch
    import transformers

    body = os.path.abspath(spec.get("base_path") or spec["path"])
    # A folder of the user's is as the user made it, and what the Hub mounts was looked at when the sandbox began.
    if spec["is_marked"] and not os.path.exists(os.path.join(body, MARKER)):
        raise FileNotFoundError(f"the weights in {body} are not complete")
    shared = {"trust_remote_code": spec["trust_remote_code"], "local_files_only": True}
    config = transformers.AutoConfig.from_pretrained(body, **shared)
    task = task_of(config) if spec["task"] == "auto" else spec["task"]
    options: dict[str, Any] = dict(shared)
    if spec["device_map"] != "auto" or torch.cuda.is_available():
        options["device_map"] = spec["device_map"]
    # Its name since transformers 4.56; the old one still worked in 5.0.
    dtype = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
    options[dtype] = "auto" if spec["dtype"] == "auto" else getattr(torch, spec["dtype"])
    if spec["attention"]:
        options["attn_implementation"] = spec["attention"]
    if spec["quantization"]:
        options["quantization_config"] = transformers.BitsAndBytesConfig(**{f"load_in_{spec['quantization']}": True})
    model = getattr(transformers, TASKS[task]).from_pretrained(body, **options)
    model = with_adapters(model, spec)
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(body, **shared)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = spec["padding_side"]
    name = spec["var"] if spec["is_hidden"] else spec["id"]
    for holder in (model.config, tokenizer):
        setattr(holder, "_name_or_path" if holder is model.config else "name_or_path", name)
    # What vectors that are saved say of the weights that they belong to.
    model.config._commit_hash = None if spec["is_hidden"] else spec["revision"] or None
    return model, tokenizer


def with_adapters(model: Any, spec: dict[str, Any]) -> Any:
    if not (spec.get("base_path") or spec.get("empty_adapter") or spec["adapters"]):
        return model
    import peft

    if spec.get("base_path"):
        model = peft.PeftModel.from_pretrained(model, os.path.abspath(spec["path"]))
    elif spec.get("empty_adapter"):
        model = peft.get_peft_model(model, peft.LoraConfig(target_modules="all-linear"), adapter_name=spec["empty_adapter"])
    for adapter in spec["adapters"]:
        if isinstance(model, peft.PeftModel):
            model.load_adapter(os.path.abspath(adapter["path"]), adapter_name=adapter["name"])
        else:
            model = peft.PeftModel.from_pretrained(model, os.path.abspath(adapter["path"]), adapter_name=adapter["name"])
    for config in model.peft_config.values() if spec["is_hidden"] else []:
        config.base_model_name_or_path = spec["var"]
    return model


def describe(spec: dict[str, Any], model: Any) -> dict[str, Any]:
    config = getattr(model.config, "text_config", None) or model.config
    hidden = spec["is_hidden"]
    return {
        "var_name": spec["var"],
        "tokenizer_var": spec["tokenizer_var"],
        "id": spec["id"],
        "revision": spec["revision"],
        "class": "<hidden>" if hidden else type(model).__name__,
        "device": str(getattr(model, "device", "")),
        "dtype": str(getattr(model, "dtype", "")).replace("torch.", ""),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "layers": getattr(config, "num_hidden_layers", None),
        "hidden_size": getattr(config, "hidden_size", None),
        "vocab_size": getattr(config, "vocab_size", None),
        "adapters": ["<hidden>" if hidden else name for name in getattr(model, "peft_config", {})],
    }


def gpu_memory() -> list[dict[str, Any]]:
    import torch

    if not torch.cuda.is_available():
        return []
    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        found.append({"index": index, "name": torch.cuda.get_device_name(index), "used_bytes": total - free, "total_bytes": total})
    return found


def preload(namespace: dict[str, Any]) -> dict[str, Any]:
    """Loads what is to be loaded into the namespace and tells what is there now."""
    models = []
    for spec in _specs():
        if not spec["preload"]:
            continue
        print(f"loading {spec['var']}", flush=True)
        model, tokenizer = load(spec)
        namespace[spec["var"]] = model
        namespace[spec["tokenizer_var"]] = tokenizer
        models.append(describe(spec, model))
    return {"models": models, "gpus": gpu_memory() if models else []}


def publish(namespace: dict[str, Any]) -> None:
    """What Glovebox calls in a new kernel: loads, and tells what was loaded without leaving an output in a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    answer = preload(namespace)
    if answer["models"]:
        try:
            from glovebox_interp import brief_tensors
        except ImportError:
            pass
        else:
            brief_tensors(shell)
    shell.display_pub.publish({MIME: json.dumps(answer)})
