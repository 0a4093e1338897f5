"""The patch critic: hinge losses by hand, its shape, what it sees, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch

from styledit.objectives import Adversarial, ObjectiveState, hinge_critic, hinge_generator
from styledit.objectives.critic import Critic, PatchDiscriminator, augmented_patches, receptive_field

D = torch.float64


def stripes(side: int = 32) -> torch.Tensor:
    return torch.linspace(0, 6 * math.pi, side).sin().mul(0.5).add(0.5).expand(1, 3, side, side).contiguous()


def test_hinge_by_hand():
    real, fake = torch.tensor([2.0, 0.5], dtype=D), torch.tensor([-3.0, 0.5], dtype=D)
    assert math.isclose(float(hinge_critic(real, fake)), (0 + 0.5) / 2 + (0 + 1.5) / 2)
    assert math.isclose(float(hinge_generator(fake)), 1.25)


def test_gradients_by_finite_differences():
    real = torch.tensor([0.3, -2.0, 1.7], dtype=D, requires_grad=True)
    fake = torch.tensor([0.3, -2.0, 1.7], dtype=D, requires_grad=True)
    assert torch.autograd.gradcheck(hinge_critic, (real, fake))
    assert torch.autograd.gradcheck(hinge_generator, fake)


def test_depth_and_width_follow_the_picture():
    shapes = {side: PatchDiscriminator(side) for side in (20, 32, 64, 128, 256, 512)}
    assert {side: (d.depth, d.width, d.patch) for side, d in shapes.items()} == {
        20: (1, 8, 10),
        32: (1, 8, 10),
        64: (2, 8, 22),
        128: (3, 16, 46),
        256: (4, 32, 94),
        512: (5, 64, 190),
    }
    kinds = [type(layer).__name__ for layer in shapes[128].layers]
    assert kinds[:2] == ["Conv2d", "LeakyReLU"] and kinds.count("InstanceNorm2d") == 2
    assert all(layer.kernel_size == (4, 4) for layer in shapes[128].layers if hasattr(layer, "stride"))


@pytest.mark.parametrize("side", [32, 64, 128])
def test_an_output_sees_its_receptive_field(side):
    """Without instance norm, which sees everything, one output's gradient fills a square of that side."""
    network = PatchDiscriminator(side).double()
    layers = [layer for layer in network.layers if not isinstance(layer, torch.nn.InstanceNorm2d)]
    x = torch.rand(1, 3, side, side, dtype=D, requires_grad=True)
    seen = torch.nn.Sequential(*layers)(x)
    middle = seen.shape[-1] // 2
    (part,) = torch.autograd.grad(seen[0, 0, middle, middle], x)
    rows = part.abs().sum((0, 1, 3)).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == network.patch == receptive_field(network.depth)


def test_it_learns_to_tell_two_pictures_apart():
    real, fake = stripes(), torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    critic = Critic(real)
    losses = [critic.learn(fake) for _ in range(200)]
    assert losses[0] == pytest.approx(2, abs=0.1) and losses[-1] < 1
    with torch.no_grad():
        assert critic.network(real).mean() > critic.network(fake).mean()


def test_a_seed_decides_everything():
    real, fake = stripes(), torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    one, same, other = Critic(real, seed=3), Critic(real, seed=3), Critic(real, seed=4)
    losses = [[critic.learn(fake) for _ in range(3)] for critic in (one, same, other)]
    assert losses[0] == losses[1] != losses[2] and one.steps == 3


def test_patches_are_pieces_of_the_picture():
    picture = torch.arange(3 * 6 * 7, dtype=torch.float32).view(1, 3, 6, 7)
    patches = augmented_patches(picture, 4, 5, torch.Generator().manual_seed(0))
    assert patches.shape == (5, 3, 4, 4)
    assert all(set(patch.flatten().tolist()) <= set(picture.flatten().tolist()) for patch in patches)
    assert len({tuple(patch.flatten().tolist()) for patch in patches}) > 1
    with pytest.raises(ValueError, match="no patches of 9 pixels"):
        augmented_patches(picture, 9, 1, torch.Generator())


def test_as_an_objective():
    critic = Critic(stripes())
    now = ObjectiveState({}, {}, (), x0=lambda: stripes(), decode=lambda x0: x0)
    assert float(Adversarial(critic)(now)) == pytest.approx(-float(critic.network(stripes()).mean()))
    with pytest.raises(TypeError, match="Critic"):
        Adversarial("critic")


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="at least 20|from 20"):
        PatchDiscriminator(8)
    with pytest.raises(ValueError, match="1, 3, H, W"):
        Critic(torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match="from 1 to 1024"):
        Critic(stripes(), patches=10**30)
    with pytest.raises(ValueError, match="from 1 to 30"):
        receptive_field(10**30)
    one = torch.ones(1)
    for bad, words in ((torch.tensor([math.nan]), "NaN or infinite"), (torch.zeros(0), "no numbers")):
        for real, fake in ((bad, one), (one, bad)):
            with pytest.raises(ValueError, match=words):
                hinge_critic(real, fake)
        with pytest.raises(ValueError, match=words):
            hinge_generator(bad)


def test_a_critic_that_diverged_stops_the_optimisation():
    critic = Critic(stripes())
    with torch.no_grad():
        next(critic.network.parameters()).fill_(math.nan)
    with pytest.raises(FloatingPointError):
        critic.learn(stripes())
