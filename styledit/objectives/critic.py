"""A critic of patches: does a patch come from the picture, or from the edit?

A PatchGAN (Isola et al., 1611.07004) with the hinge loss (Lim and Ye, 1705.02894), trained on patches of one
picture against patches of the decoded estimate while that is optimised.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from styledit import validation as check
from styledit.objectives.state import ObjectiveState, OfThePicture, gradient

KERNEL = 4  # of every convolution
RATE = 2e-4
BETAS = (0.5, 0.999)
PATCHES = 8  # of each picture at each step of the critic
MOST_PATCHES = 1024
MOST_DEPTH = 5  # halvings of a discriminator


def hinge_critic(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """L_D = mean relu(1 - D(real)) + mean relu(1 + D(fake)) (Lim and Ye, 1705.02894), a scalar.

    Args:
        real, fake: the critic's outputs for patches, of any shapes.

    Raises:
        TypeError: something that is no tensor.
        ValueError: no numbers, or NaN or infinite ones.
    """
    return _hinge(_check_outputs("real", real), _check_outputs("fake", fake))


def hinge_generator(fake: torch.Tensor) -> torch.Tensor:
    """L_adv = -mean D(fake) (Lim and Ye, 1705.02894), a scalar. Arguments and errors as `hinge_critic`."""
    return -_check_outputs("fake", fake).mean()


def receptive_field(depth: int) -> int:
    """The side, in pixels, of what one output of a `PatchDiscriminator` of so many halvings sees.

    A convolution of stride s over what r pixels are seen by: r <- (r - 1) s + 4. The last one has stride 1:
    10, 22, 46, 94, 190 for 1 to 5.

    Raises:
        TypeError: a depth that is no whole number.
        ValueError: one that is not from 1 to 30.
    """
    side = KERNEL
    for _ in range(check.whole("depth", depth, least=1, most=30)):
        side = (side - 1) * 2 + KERNEL
    return side


class PatchDiscriminator(nn.Module):
    """PatchGAN: 4×4 convolutions of stride 2 with LeakyReLU 0.2, instance norm on all but the first, and one
    of stride 1 that gives a number for each patch.

    `depth` halvings: the most whose receptive field is no more than half the picture's shorter side; `width`
    channels after the first: an eighth of that side, from 8 to 64, doubled by each up to eightfold.
    128-pixel pictures: three halvings, 16 channels, patches of 46 pixels.

    Args:
        side: the picture's shorter side, in pixels.
        seed: of the first weights.

    Raises:
        TypeError: a side that is no whole number.
        ValueError: a side below 20, of which half is less than one patch.
    """

    def __init__(self, side: int, seed: int = 0) -> None:
        super().__init__()
        side = check.whole("The side of the pictures", side, least=2 * receptive_field(1))
        self.depth = max(d for d in range(1, MOST_DEPTH + 1) if receptive_field(d) <= side // 2)
        self.width = min(64, max(8, side // 8))
        channels = [3, *(self.width * min(2**k, 8) for k in range(self.depth))]
        layers: list[nn.Module] = []
        for k, (inputs, outputs) in enumerate(pairwise(channels)):
            layers.append(nn.Conv2d(inputs, outputs, KERNEL, stride=2, padding=1))
            layers += [nn.InstanceNorm2d(outputs)] if k else []
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, KERNEL, padding=1))
        self._draw(seed)

    @property
    def patch(self) -> int:
        """The side of a patch that one number judges, in pixels."""
        return receptive_field(self.depth)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """A number for each patch, (B, 1, h, w), of pictures (B, 3, H, W) in [0, 1]; real above 0."""
        return self.layers(2 * pixels - 1)

    def _draw(self, seed: int) -> None:
        """First weights of N(0, 0.02), as in pix2pix, from a generator of their own."""
        generator = torch.Generator().manual_seed(check.seed(seed))
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Conv2d) and module.bias is not None:
                    module.weight.copy_(0.02 * torch.randn(module.weight.shape, generator=generator))
                    module.bias.zero_()


class Critic:
    """A discriminator and its training on one picture.

    `network`; `adam`: its optimiser, 2e-4 with betas (0.5, 0.999); `steps`: how many it took so far.

    Args:
        real: what is real, (1, 3, H, W) in [0, 1].
        patches: how many of each picture a step looks at, at most 1024.
        seed: of the first weights and of every step's patches.

    Raises:
        TypeError, ValueError: an argument that cannot be used, or a picture too small for a patch.
    """

    def __init__(self, real: torch.Tensor, *, patches: int = PATCHES, seed: int = 0) -> None:
        self.real = check.finite(check.tensor("The real picture", real, 1, 3, "H", "W"), "The real picture")
        self.patches = check.whole("patches", patches, least=1, most=MOST_PATCHES)
        self.seed = check.seed(seed)
        side = min(real.shape[2:])
        with torch.random.fork_rng(devices=[]):  # its first weights have a seed of their own
            self.network = PatchDiscriminator(side, seed).to(real)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=RATE, betas=BETAS)
        self.side = max(self.network.patch, side // 2)  # of the patches that it is trained on
        self.steps = 0

    def learn(self, fake: torch.Tensor) -> float:
        """One step on patches of the real picture against those of another, (1, 3, H, W).

        Returns:
            The loss before the step.

        Raises:
            FloatingPointError: the loss or its gradient is NaN or infinite.
        """
        check.tensor("The other picture", fake, 1, 3, "H", "W")
        generator = torch.Generator().manual_seed((self.seed + 1_000_003 * self.steps) % 2**63)
        with torch.enable_grad():
            real = augmented_patches(self.real, self.side, self.patches, generator)
            other = augmented_patches(fake.detach(), self.side, self.patches, generator)
            loss = _hinge(self.network(real), self.network(other))
            parameters = list(self.network.parameters())
            for parameter, part in zip(parameters, gradient(loss, parameters), strict=True):
                parameter.grad = part
        self.adam.step()
        self.adam.zero_grad()
        self.steps += 1
        return float(loss.detach())


def augmented_patches(
    picture: torch.Tensor, side: int, count: int, generator: torch.Generator
) -> torch.Tensor:
    """Square patches from anywhere in a picture (1, 3, H, W), each turned and mirrored by chance,
    (count, 3, side, side).

    Raises:
        ValueError: the picture is smaller than a patch.
    """
    height, width = picture.shape[2:]
    if min(height, width) < side:
        raise ValueError(f"A picture of {width}×{height} has no patches of {side} pixels; give a larger one.")

    def draw(most: int) -> int:
        return int(torch.randint(most, (), generator=generator))

    patches = []
    for _ in range(count):
        top, left = draw(height - side + 1), draw(width - side + 1)
        patch = picture[:, :, top : top + side, left : left + side].rot90(draw(4), (2, 3))
        patches.append(patch.flip(3) if draw(2) else patch)
    return torch.cat(patches)


@dataclass(frozen=True, eq=False)
class Adversarial(OfThePicture):
    """`hinge_generator` of a critic that learns meanwhile.

    Args:
        critic: the critic; `Critic.learn` is its own step.
    """

    critic: Critic

    def __post_init__(self) -> None:
        check.instance("critic", self.critic, Critic, "Critic(picture)")

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        """A scalar."""
        return -self.critic.network(state.pixels).mean()


def _hinge(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def _check_outputs(name: str, outputs: torch.Tensor) -> torch.Tensor:
    """Refuse what has no mean."""
    if not check.floats(name, outputs).numel():
        raise ValueError(f"{name} has no numbers; give the critic's outputs for at least one patch.")
    return check.finite(outputs, name, "give the outputs of a critic that has not diverged")
