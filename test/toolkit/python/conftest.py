"""What the tests share."""

import sys
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3] / "python")]

import pytest
import tiny
import torch

torch.set_num_threads(1)
# Static caches of transformers 4.45 call it, and PyTorch 1.13 has no compiler that it could mean anything to.
if not hasattr(torch, "_dynamo"):
    torch._dynamo = SimpleNamespace(mark_static_address=lambda tensor: None)


@pytest.fixture(scope="session")
def models():
    """Made when asked for, once; tests leave them as they were."""
    made = {}

    def get(family="llama"):
        if family not in made:
            made[family] = tiny.model(family)
        return made[family]

    return get


@pytest.fixture(scope="session")
def tokenizer():
    return tiny.tokenizer()


@pytest.fixture(params=list(tiny.FAMILIES))
def model(request, models):
    return models(request.param)


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    """No function leaves a hook, a wrapped method or a gradient behind."""
    yield
    import glovebox_interp

    for name in ("model", "models"):
        fixture = request.node.funcargs.get(name)
        if fixture is None:
            continue
        for one in [fixture] if name == "model" else [cell for cell in fixture.__closure__[0].cell_contents.values()]:
            assert glovebox_interp.active_hooks(one) == []
            for module in one.modules():
                assert not {"forward", "generate", "_glovebox_passes"} & set(module.__dict__)
            assert not any(parameter.requires_grad for parameter in one.parameters())
