"""Finds a direction from a few pairs of texts, steers with it against a random control, and draws what it does.

Runs in a notebook with `model` and `tokenizer` loaded (start_new_notebook), or by itself: python examples/steering.py FOLDER_OF_A_MODEL
"""

import sys

import glovebox_interp as interp
import matplotlib.pyplot as plt
import torch

if "model" not in globals():
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1])
    tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])

HAPPY = ["I love this", "What a wonderful day", "This makes me smile"]
SAD = ["I hate this", "What a terrible day", "This makes me cry"]
PROMPTS = ["When I woke up, I", "The letter said that", "Today was"]
layer = len(interp.find_blocks(model)) * 2 // 3

means = [interp.activations(model, tokenizer, texts, layer)[layer] for texts in (HAPPY, SAD)]
direction = interp.diff_of_means(*means, unit=True)
control = torch.randn(direction.shape, generator=torch.Generator().manual_seed(0))


def projection(vector, strength):
    """How far the steered stream lies along the direction at the last block, on average over the prompts."""
    with interp.steer(model, layer, vector, strength, mode="add_normed"):
        last = interp.activations(model, tokenizer, PROMPTS, -1)
    return float((last[last.layers[0]] @ direction).mean())


strengths = [-0.6, -0.3, 0.0, 0.3, 0.6]
curves = {"direction": direction, "random, equal norm": control / control.norm()}
for name, vector in curves.items():
    plt.plot(strengths, [projection(vector, strength) for strength in strengths], marker="o", label=name)
plt.xlabel("strength, in norms of the stream")
plt.ylabel("projection at the last block")
plt.legend()
plt.savefig("steering.png")

for strength in (0.0, 0.6):
    with interp.steer(model, layer, direction, strength, mode="add_normed", where="generated"):
        for prompt, answer in zip(PROMPTS, interp.generate(model, tokenizer, PROMPTS, max_new_tokens=20)):
            print(f"{strength:+.1f}  {prompt}|{answer.text}")
assert interp.active_hooks(model) == []
