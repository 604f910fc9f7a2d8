/** The templates of interfaces, with a tokenizer and a model of a few lines in place of real ones. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { testPython } from '../rigs/python.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** A token is a word; decoding writes one blank where the text had two, as real ones change characters too. */
const STAND_INS = String.raw`
import json, sys, types
sys.dont_write_bytecode = True
sys.path.insert(0, "python")
import numpy

class Ids(numpy.ndarray):
    def to(self, device): return self

class Encoded(dict):
    def to(self, device): return self

class Tokenizer:
    words = []
    def __len__(self): return 100
    def encode(self, text):
        ids = []
        for word in text.split():
            if word not in self.words: self.words.append(word)
            ids.append(self.words.index(word))
        return ids
    def __call__(self, text, add_special_tokens=True, return_tensors=None):
        assert not add_special_tokens or "<" not in text, "special tokens twice"
        return Encoded(input_ids=numpy.array([self.encode(text)]).view(Ids))
    def apply_chat_template(self, messages, add_generation_prompt, tokenize):
        assert add_generation_prompt and not tokenize
        return "".join("<" + m["role"] + ">  " + m["content"] + "  " for m in messages) + "<assistant>  "
    def decode(self, ids, skip_special_tokens):
        return " ".join(self.words[index] for index in ids)

class Model:
    device = "cpu"
    def eval(self): return self
    def generate(self, input_ids, max_new_tokens, do_sample, **options):
        assert do_sample == ("temperature" in options)
        new = TOKENIZER.encode("answer %d to %d words" % (Model.turn, input_ids.shape[-1]))
        Model.turn += 1
        return numpy.concatenate([input_ids, [new[:max_new_tokens]]], axis=1)
    turn = 1

TOKENIZER = Tokenizer()
transformers = types.ModuleType("transformers")
transformers.AutoTokenizer = types.SimpleNamespace(from_pretrained=lambda name: TOKENIZER)
transformers.AutoModelForCausalLM = types.SimpleNamespace(from_pretrained=lambda name, torch_dtype: Model())
sys.modules["transformers"] = transformers

import glovebox_interface as served
served.load("examples/interfaces/chat.py", "chat")
functions = served.INTERFACE.functions

def call(name, **given):
    args, kwargs = functions[name].bind(given)
    return served.to_json(functions[name].call(*args, **kwargs))

seen = []
seen.append(call("set_system_message", text="Be brief."))
seen.append(call("send", text="first question"))
seen.append(call("send", text="second", prefill="Well,", temperature=0.7))
seen.append([message["role"] for message in call("history")])
seen.append(call("rollback"))
seen.append(call("history")[-1]["content"])
seen.append(call("reset"))
seen.append(call("history"))
seen.append(call("run_tool", source="import os\ndef tool(a, b):\n    return [a + b, 'SECRET' in os.environ]", arguments={"a": 1, "b": 2}))
try:
    call("run_tool", source="def tool():\n    raise KeyError('x')", arguments={})
except RuntimeError as error:
    seen.append(str(error))
print(json.dumps({"seen": seen, "functions": sorted(functions)}))
`;

it('W11: the chat keeps its state, cuts answers by tokens, takes turns back, and runs tools elsewhere', () => {
  const output = execFileSync(testPython(), ['-c', STAND_INS], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, SECRET: 'x' },
  });
  const { seen, functions } = JSON.parse(output);
  expect(functions).toEqual([
    'history',
    'reset',
    'rollback',
    'run_tool',
    'send',
    'set_system_message',
  ]);
  expect(seen).toEqual([
    '0 messages follow it',
    'answer 1 to 7 words',
    'Well,answer 2 to 16 words',
    ['system', 'user', 'assistant', 'user', 'assistant'],
    '3 messages are left',
    'answer 1 to 7 words',
    'The conversation is empty.',
    [],
    [3, false],
    "KeyError: 'x'",
  ]);
});
