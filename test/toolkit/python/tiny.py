"""Tiny models with random weights, of each family that is promised, and a tokenizer made in code. `tiny.py FOLDER` writes one to disk."""

import sys

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

WIDTH = 32
LAYERS = 3
VOCABULARY = 280
CHAT = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer(**options):
    """Every byte is a token, and " ?" is one too."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<bos>", "<eos>", "<pad>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
    vocabulary = {token: index for index, token in enumerate([*specials, *alphabet, "Ġ?"])}
    own = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ġ", "?")]))
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    own.decoder = decoders.ByteLevel()
    own.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=own,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        additional_special_tokens=specials[3:],
        padding_side="right",
    )
    made.chat_template = options.get("chat_template", CHAT)
    return made


def _sizes(**more):
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "initializer_range": 0.25,
        "bos_token_id": 0,
        "eos_token_id": None,
        "pad_token_id": 2,
        **more,
    }


def _llama():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**_sizes(num_key_value_heads=2)))


def _qwen():
    return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**_sizes(num_key_value_heads=2)))


def _gemma():
    sizes = _sizes(num_key_value_heads=2, head_dim=8, final_logit_softcapping=3.0, attn_logit_softcapping=5.0)
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(attn_implementation="eager", **sizes))


def _gpt2():
    sizes = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": 256, "initializer_range": 0.25}
    ids = {"bos_token_id": 0, "eos_token_id": None, "pad_token_id": 2}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=VOCABULARY, **sizes, **ids))


def _neox():
    return transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**_sizes(intermediate_size=64)))


def _llava():
    """The language model is one part of it, and its sizes are in a part of the configuration."""
    text = transformers.LlamaConfig(**_sizes(num_key_value_heads=2))
    vision = transformers.CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4
    )
    config = transformers.LlavaConfig(text_config=text, vision_config=vision, image_token_index=VOCABULARY - 1, pad_token_id=2)
    return transformers.LlavaForConditionalGeneration(config)


FAMILIES = {"llama": _llama, "qwen": _qwen, "gemma": _gemma, "gpt2": _gpt2, "neox": _neox, "nested": _llava}


def model(family="llama", seed=0):
    torch.manual_seed(seed)
    made = FAMILIES[family]().float().eval()
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    return made


def main(folder):
    made = model()
    made.save_pretrained(folder, safe_serialization=True)
    tokenizer().save_pretrained(folder)


if __name__ == "__main__":
    main(sys.argv[1])
