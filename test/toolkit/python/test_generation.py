"""Many prompts at once get what each alone would get; chats are tokenised once and right."""

import random

import glovebox_interp as interp
import pytest
import tiny
import torch

NEW = 6


def alone(model, row, eos=None):
    made = model.generate(torch.tensor([row]), max_new_tokens=NEW, do_sample=False, eos_token_id=eos)
    return made[0, len(row) :].tolist()


def state(tokenizer):
    return (tokenizer.padding_side, tokenizer.pad_token, tokenizer.truncation_side, tokenizer.model_max_length)


@pytest.mark.parametrize("side", ["left", "right"])
def test_40_batches_equal_one_by_one(model, side):
    tokenizer = tiny.tokenizer()
    tokenizer.padding_side = side
    before = state(tokenizer)
    letters = random.Random(3)
    prompts = ["".join(letters.choices("abcdefgh", k=length)) for length in (2, 39, 11, 5)]
    rows = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    for budget in (16384, 100):
        made = interp.generate(model, tokenizer, prompts, NEW, token_budget=budget)
        assert [one.token_ids for one in made] == [alone(model, row) for row in rows]
    assert [one.prompt_length for one in made] == [3, 40, 12, 6]
    assert {one.finish_reason for one in made} == {"length"} and made[0].seed is None
    assert made[0].text == tokenizer.decode(made[0].token_ids, skip_special_tokens=True)
    assert state(tokenizer) == before


def test_every_end_of_the_configuration_stops(models, tokenizer):
    model = models("llama")
    row = tokenizer("hello")["input_ids"]
    plain = alone(model, row)
    ends = sorted({plain[2], 7})
    model.generation_config.eos_token_id = ends
    try:
        (made,) = interp.generate(model, tokenizer, "hello", NEW)
    finally:
        model.generation_config.eos_token_id = None
    assert made.token_ids == plain[: plain.index(plain[2]) + 1] and made.finish_reason == "stop"


def test_41_a_chat_that_ends_with_the_assistant_goes_on_in_its_turn(models, tokenizer):
    chat = [{"role": "user", "content": "Say end"}, {"role": "assistant", "content": "The end "}]
    encoded = interp.encode_chat(tokenizer, chat)
    assert tokenizer.decode(encoded.ids) == "<bos><|user|>Say end<|end|><|assistant|>The end "
    made = interp.generate(models("llama"), tokenizer, [chat, chat[:1]], NEW)
    assert made[0].token_ids == alone(models("llama"), encoded.ids)
    assert made[0].prompt_length == len(encoded.ids)
    assert interp.encode_chat(tokenizer, chat[:1]).text.endswith("<|end|><|assistant|>")


@pytest.mark.parametrize("template", [tiny.CHAT, tiny.CHAT.replace("{{ bos_token }}", "")])
def test_41_there_is_one_bos(template):
    tokenizer = tiny.tokenizer(chat_template=template)
    ids = interp.encode_chat(tokenizer, [{"role": "user", "content": "hi"}]).ids
    assert ids.count(tokenizer.bos_token_id) == 1 and ids[0] == tokenizer.bos_token_id


@pytest.mark.parametrize(
    "template",
    [
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + tiny.CHAT,
        tiny.CHAT.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}"),
    ],
)
def test_a_template_without_a_system_role_gets_the_text_in_the_first_turn(template):
    tokenizer = tiny.tokenizer(chat_template=template)
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    encoded = interp.encode_chat(tokenizer, chat)
    assert encoded.system_merged and encoded.text == "<bos><|user|>Be brief.\n\nHi<|end|><|assistant|>"
    assert not interp.encode_chat(tiny.tokenizer(), chat).system_merged
    assert chat[1]["content"] == "Hi"
    with pytest.raises(Exception, match="[Ss]ystem"):
        interp.encode_chat(tokenizer, chat[:1])


def test_k6_the_seed_makes_it_the_same_again(models, tokenizer):
    model = models("llama")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = interp.generate(model, tokenizer, ["a", "bb"], NEW, temperature=2.0)
    assert torch.equal(torch.rand(1), expected)
    again = interp.generate(model, tokenizer, ["a", "bb"], NEW, temperature=2.0, seed=first[0].seed)
    assert first == again and first[0].seed is not None
    assert first != interp.generate(model, tokenizer, ["a", "bb"], NEW, temperature=2.0, seed=first[0].seed + 1)


def test_greedy_says_nothing_of_sampling(models, tokenizer, caplog, recwarn):
    model = models("llama")
    config = model.generation_config
    config.do_sample, config.temperature, config.top_p = True, 0.6, 0.9
    try:
        (made,) = interp.generate(model, tokenizer, "hello", NEW)
    finally:
        config.do_sample, config.temperature, config.top_p = False, None, None
    assert made.token_ids == alone(model, tokenizer("hello")["input_ids"])
    assert not [one for one in recwarn if "temperature" in str(one.message)] and "temperature" not in caplog.text


def test_batches_are_halved_when_memory_runs_out(models, tokenizer, monkeypatch):
    model = models("llama")
    wanted = interp.generate(model, tokenizer, ["a", "bb", "ccc"], NEW)
    sizes, real = [], type(model).generate

    def scarce(self, *args, **kwargs):
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "generate", scarce)
    assert interp.generate(model, tokenizer, ["a", "bb", "ccc"], NEW) == wanted
    assert sizes == [3, 1, 2, 1, 1]
