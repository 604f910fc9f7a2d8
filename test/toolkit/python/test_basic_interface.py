"""The template `examples/interfaces/basic.py` on a model with real weights: facts, embedding, similarity (W11)."""

from pathlib import Path

import glovebox_interface
import pytest
import tiny

TEMPLATE = Path(__file__).parents[3] / "examples/interfaces/basic.py"


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    folder = tmp_path_factory.mktemp("basic")
    tiny.main(str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_MODEL_PATH", str(folder))
        glovebox_interface.load(str(TEMPLATE), "basic")
    functions = glovebox_interface.INTERFACE.functions
    assert set(functions) == {"model_facts", "embedding", "similarity"}

    def call(name, **given):
        args, kwargs = functions[name].bind(given)
        return glovebox_interface.to_json(functions[name].call(*args, **kwargs))

    return call


def test_w11_basic_tells_size_and_shape_and_no_name(call):
    facts = call("model_facts")
    assert facts["layers"] == tiny.LAYERS and facts["hidden_size"] == tiny.WIDTH and facts["parameters"] > 0
    assert set(facts) == {"parameters", "layers", "hidden_size", "vocabulary"}


def test_w11_basic_embeds_and_compares(call):
    mean, last = call("embedding", text="a b c"), call("embedding", text="a b c", pooling="last")
    assert len(mean) == len(last) == tiny.WIDTH and mean != last
    assert call("similarity", first="a b c", second="a b c") == pytest.approx(1.0, abs=1e-5)
    assert -1.0 <= call("similarity", first="a b c", second="z", pooling="last") < 1.0
