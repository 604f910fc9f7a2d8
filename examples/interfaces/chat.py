"""A conversation with a model, kept in the interface: send, look back, take back, begin anew.

Serve it with `glovebox serve examples/interfaces/chat.py --sandbox ID`. What is said is state of this process: one conversation for
all who call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Annotated, Any

import transformers
from glovebox_interface import expose

MODEL = os.environ.get("MODEL_MODEL_PATH", "HuggingFaceTB/SmolLM2-135M-Instruct")  # the first model of the sandbox, or one of the Hub
TOOL_SECONDS = 30

tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, torch_dtype="auto").eval()
messages: list[dict[str, str]] = []


@expose
def send(
    text: Annotated[str, "what the user says"],
    prefill: Annotated[str, "the beginning of the answer, which the model carries on"] = "",
    max_new_tokens: int = 256,
    temperature: Annotated[float, "0 always takes the likeliest token"] = 0.0,
) -> str:
    """Says something to the model and returns its answer, which becomes part of the conversation."""
    turn = [*messages, {"role": "user", "content": text}]
    prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False) + prefill
    # The template has written every special token that belongs there.
    encoded = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").to(model.device)
    options: dict[str, Any] = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    output = model.generate(**encoded, max_new_tokens=max_new_tokens, **options)
    # Cut by tokens: decoding the prompt does not always give back its characters.
    new = output[0][encoded["input_ids"].shape[-1] :]
    answer: str = prefill + tokenizer.decode(new, skip_special_tokens=True)
    messages[:] = [*turn, {"role": "assistant", "content": answer}]
    return answer


@expose(parallel=True)
def history() -> list[dict[str, str]]:
    """Everything that was said, the system message included."""
    return list(messages)


@expose
def set_system_message(text: Annotated[str, "empty for none"]) -> str:
    """Puts a system message at the beginning. What was said stays."""
    rest = [message for message in messages if message["role"] != "system"]
    messages[:] = ([{"role": "system", "content": text}] if text else []) + rest
    return f"{len(rest)} messages follow it"


@expose
def rollback(turns: Annotated[int, "how many questions with their answers"] = 1) -> str:
    """Takes back the last turns."""
    for _ in range(turns):
        while messages and messages[-1]["role"] == "assistant":
            messages.pop()
        if messages and messages[-1]["role"] == "user":
            messages.pop()
    return f"{len(messages)} messages are left"


@expose
def reset() -> str:
    """Forgets everything, the system message included."""
    messages.clear()
    return "The conversation is empty."


@expose
def run_tool(
    source: Annotated[str, "Python that defines tool(**arguments)"],
    arguments: dict[str, Any],
) -> Any:
    """Runs code that is handed over as a tool of the model, in a process of its own that sees nothing of this one."""
    program = (
        "import json, sys\n"
        "asked = json.load(sys.stdin)\n"
        "space = {}\n"
        "exec(asked['source'], space)\n"
        "out, sys.stdout = sys.stdout, sys.stderr\n"
        "json.dump(space['tool'](**asked['arguments']), out)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program],
        input=json.dumps({"source": source, "arguments": arguments}),
        capture_output=True,
        text=True,
        timeout=TOOL_SECONDS,
        env={"PATH": os.defpath},
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}")
    return json.loads(done.stdout)
