"""The mapping network against its layers written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from styledit.values.mapping import MappingNetwork


def test_layers_are_the_published_ones():
    """1 x 1 convolutions along the token axis are matrices from the left."""
    torch.manual_seed(0)
    network, picture = MappingNetwork(patches=9, width=6, tokens=4, embedding=6), torch.randn(1, 9, 6)
    first, second, norm, _, last = network.mix
    x = first.weight[:, :, 0] @ picture[0] + first.bias[:, None]  # (2N, d_img)
    assert x.shape == (8, 6)
    x = second.weight[:, :, 0] @ x + second.bias[:, None]
    x = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + norm.eps).sqrt()
    x = F.leaky_relu(x, 0.01)
    x = last.weight[:, :, 0] @ x + last.bias[:, None]
    scale, shift = network(picture)
    assert torch.allclose(scale, x[:4], atol=1e-5) and torch.allclose(shift, x[4:], atol=1e-5)


@pytest.mark.parametrize("name", ["patches", "width", "tokens", "embedding"])
def test_what_is_no_number_of_tokens(name):
    counts = {"patches": 9, "width": 6, "tokens": 4, "embedding": 6}
    for count, error in ((0, ValueError), (-1, ValueError), (10**30, ValueError), (2.0, TypeError)):
        with pytest.raises(error, match=f"{name} must be a whole number from 1 to"):
            MappingNetwork(**counts | {name: count})


def test_another_width_gets_a_linear_layer():
    network = MappingNetwork(patches=9, width=6, tokens=4, embedding=10)
    assert network(torch.randn(1, 9, 6))[0].shape == (4, 10)
    assert sum(isinstance(layer, torch.nn.Linear) for layer in network.modules()) == 1
