"""Attention regularisation: each term against its formula, its gradients,
and what it can and cannot act on.
"""

from __future__ import annotations

import math

import pytest
import torch

from styledit.attention import Layers, select_layers
from styledit.control import attention_control
from styledit.maps import map_size
from styledit.objectives import ObjectiveState, gradient
from styledit.objectives.attention import Regularisation, attention_l1, attention_l2, localisation, sparsity
from styledit.prompts import Word

GRIDS = {"fine": (4, 6), "coarse": (2, 3)}
WORDS = (Word("a", (1,)), Word("paintbrush", (2, 3)), Word("car", (4,)))


def softmaxed(seed: int, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    """Maps of two heads and seven tokens on both grids."""
    noise = torch.Generator().manual_seed(seed)
    return {
        layer: (3 * torch.randn(2, h * w, 7, dtype=torch.float64, generator=noise)).softmax(-1).to(dtype)
        for layer, (h, w) in GRIDS.items()
    }


def spots(*pixels: tuple[int, int]) -> dict[str, torch.Tensor]:
    """One head whose first token looks evenly at some pixels (row, column) of the fine
    grid and at nothing else.
    """
    maps = torch.zeros(1, *GRIDS["fine"], 2, dtype=torch.float64)
    for row, column in pixels:
        maps[0, row, column, 0] = 0.25
    return {"fine": maps.flatten(1, 2)}


def close(got: torch.Tensor, wanted: float) -> bool:
    return got.shape == () and math.isclose(float(got), float(wanted), rel_tol=1e-12, abs_tol=1e-15)


def test_distances_to_the_targets():
    maps, targets = softmaxed(0), softmaxed(1)
    l1 = l2 = 0.0
    for layer in GRIDS:
        gaps = [float(a - b) for a, b in zip(maps[layer].flatten(), targets[layer].flatten(), strict=True)]
        l1 += sum(abs(gap) for gap in gaps) / len(gaps)
        l2 += sum(gap**2 for gap in gaps) / len(gaps)
    assert close(attention_l1(maps, targets), l1) and close(attention_l2(maps, targets), l2)
    assert attention_l1(maps, maps) == attention_l2(maps, maps) == 0


def test_sparsity_and_localisation_pixel_by_pixel():
    maps, tokens = softmaxed(2), [2, 4, 5]
    entropies, variances = [], []
    for layer, (h, w) in GRIDS.items():
        for token in tokens:
            mass = maps[layer][..., token].mean(0).tolist()
            p = {divmod(k, w): m / sum(mass) for k, m in enumerate(mass)}
            entropies.append(-sum(q * math.log(q) for q in p.values()) / math.log(h * w))
            centre_y = sum(q * (y + 0.5) / h for (y, x), q in p.items())
            centre_x = sum(q * (x + 0.5) / w for (y, x), q in p.items())
            variances.append(
                sum(
                    q * (((y + 0.5) / h - centre_y) ** 2 + ((x + 0.5) / w - centre_x) ** 2)
                    for (y, x), q in p.items()
                )
            )
    assert close(sparsity(maps, tokens), sum(entropies) / 6)
    assert close(localisation(maps, GRIDS, tokens), sum(variances) / 6)


def test_sparsity_of_known_maps():
    everywhere = spots(*((row, column) for row in range(4) for column in range(6)))
    assert close(sparsity(everywhere, [0]), 1) and close(sparsity(spots((2, 5)), [0]), 0)
    assert close(sparsity(spots((0, 0), (3, 1)), [0]), math.log(2) / math.log(24))
    assert sparsity({"one pixel": torch.ones(1, 1, 3)}, [0]) == 0


def test_localisation_of_known_maps():
    assert close(localisation(spots((1, 4)), GRIDS, [0]), 0)
    # two pixels: each is half their distance from the centre
    assert close(localisation(spots((0, 0), (3, 5)), GRIDS, [0]), ((3 / 4) ** 2 + (5 / 6) ** 2) / 4)
    assert close(
        localisation(spots((0, 2), (2, 2)), GRIDS, [0]), localisation(spots((1, 3), (3, 3)), GRIDS, [0])
    )
    fine = {"fine": torch.ones(1, 200 * 300, 1, dtype=torch.float64)}
    assert math.isclose(localisation(fine, {"fine": (200, 300)}, [0]), 1 / 6, rel_tol=1e-4)


@pytest.mark.parametrize(
    "term",
    [
        lambda maps: sparsity(maps, [1, 4]),
        lambda maps: localisation(maps, GRIDS, [1, 4]),
        lambda maps: attention_l2(maps, softmaxed(4)),
        lambda maps: attention_l1(maps, softmaxed(4)),
    ],
)
def test_gradients_are_those_of_finite_differences(term):
    maps = softmaxed(3)
    scores = [maps[layer].log().requires_grad_() for layer in GRIDS]
    torch.autograd.gradcheck(
        lambda *rows: term({layer: row.softmax(-1) for layer, row in zip(GRIDS, rows, strict=True)}), scores
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_zero_probabilities_have_finite_gradients(dtype):
    """A single pixel, and a token that looks nowhere, on grids of two pixels and more."""
    for heads, h, w in ((1, 1, 2), (2, 4, 6)):
        maps = torch.zeros(heads, h * w, 3, dtype=dtype)
        maps[:, 0, 0], maps[..., 2] = 1, 1
        maps.requires_grad_()
        wanted, grids = {"layer": torch.zeros_like(maps)}, {"layer": (h, w)}
        loss = Regularisation(l2=1, l1=1, sparsity=1, localisation=1)(
            ObjectiveState({"layer": maps}, grids, WORDS[:1], wanted)
        )
        assert sparsity({"layer": maps}, [1]) == localisation({"layer": maps}, grids, [1]) == 0
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(maps.grad).all() and maps.grad.dtype == dtype


def test_precision():
    """Half precision is computed in float32, from the values it has; float64 stays."""
    coarse = softmaxed(5, torch.float16)
    same = {layer: maps.float() for layer, maps in coarse.items()}
    targets = softmaxed(6, torch.float32)
    for term in (
        lambda maps: attention_l2(maps, targets),
        lambda maps: attention_l1(maps, targets),
        lambda maps: sparsity(maps, [1, 2]),
        lambda maps: localisation(maps, GRIDS, [1, 2]),
        lambda maps: Regularisation(l2=1, sparsity=1)(ObjectiveState(maps, GRIDS, WORDS, targets)),
    ):
        assert term(coarse).dtype == torch.float32 and torch.allclose(term(coarse), term(same), rtol=1e-5)
        assert term(softmaxed(5)).dtype == torch.float64


def test_the_weighted_sum():
    maps, targets = softmaxed(7), softmaxed(8)
    tokens = [1, 2, 3, 4]
    expected = (
        0.5 * attention_l2(maps, targets)
        + 2 * attention_l1(maps, targets)
        + 3 * sparsity(maps, tokens)
        + 5 * localisation(maps, GRIDS, tokens)
    )
    regularisation = Regularisation(l2=0.5, l1=2, sparsity=3, localisation=5)
    assert regularisation.tokens(WORDS) == tokens
    assert close(regularisation(ObjectiveState(maps, GRIDS, WORDS, targets)), expected)


def test_named_words_are_all_that_is_looked_at():
    maps, targets = softmaxed(9), softmaxed(10)
    regularisation = Regularisation(l2=1, l1=1, sparsity=1, localisation=1, words=("car", "paintbrush"))
    assert regularisation.tokens(WORDS) == [2, 3, 4]
    before = regularisation(ObjectiveState(maps, GRIDS, WORDS, targets))
    own, wanted = ({layer: probs[..., 2:5] for layer, probs in entry.items()} for entry in (maps, targets))
    expected = attention_l2(own, wanted) + attention_l1(own, wanted)
    expected += sparsity(own, range(3)) + localisation(own, GRIDS, range(3))
    assert close(before, expected)
    for probs in maps.values():
        probs[..., [0, 1, 5, 6]] = 0.3
    assert close(regularisation(ObjectiveState(maps, GRIDS, WORDS, targets)), before)


def test_terms_of_weight_zero_need_nothing():
    maps = softmaxed(11)
    assert close(
        Regularisation(sparsity=2)(ObjectiveState(maps, {}, WORDS, None)), 2 * sparsity(maps, [1, 2, 3, 4])
    )
    assert close(Regularisation(l1=2)(ObjectiveState(maps, {}, WORDS, maps)), 0)
    assert Regularisation()(ObjectiveState({}, {}, WORDS, None)) == 0 and not Regularisation()
    assert Regularisation(localisation=0.1) and not Regularisation(localisation=0.1).needs_targets
    assert Regularisation(l2=1).needs_targets and Regularisation(l1=1).needs_targets
    assert Regularisation(words="car").words == ("car",)


@pytest.fixture(scope="module")
def step(pipe64, inversion64):
    """(value input, control) of a network call in which the values are not the prompt."""
    noise = torch.randn(inversion64.c.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def call(scale: float = 0.3):
        v = (inversion64.c + scale * noise).requires_grad_()
        with attention_control(pipe64.unet, Layers()) as control:
            control.values = v
            pipe64.unet(
                inversion64.latents[1], inversion64.timesteps[1], encoder_hidden_states=inversion64.c
            ).sample
        return v, {layer: maps[0] for layer, maps in control.maps.items()}

    return call


def test_the_first_layer_cannot_act_on_value_inputs(step, inversion64):
    """Its queries come before any value; deeper layers see what the values wrote."""
    v, maps = step()
    targets, words = inversion64.maps.step(1), inversion64.maps.words
    grids, (first, *deeper) = inversion64.maps.map_sizes, maps
    for term in ("l2", "l1", "sparsity", "localisation"):
        regularisation = Regularisation(**{term: 1.0})
        losses = {
            layer: regularisation(ObjectiveState({layer: maps[layer]}, grids, words, targets))
            for layer in maps
        }
        assert not losses[first].requires_grad
        (zero,) = torch.autograd.grad(losses[first] + 0 * v.sum(), v)
        assert torch.equal(zero, torch.zeros_like(v))
        for layer in deeper:
            (gradient,) = torch.autograd.grad(losses[layer], v, retain_graph=True)
            assert gradient.abs().max() > 0, (term, layer)
    _, others = step(-0.3)
    assert torch.equal(others[first], maps[first]) and not torch.equal(others[deeper[-1]], maps[deeper[-1]])


def test_the_gradient_comes_through_the_queries(pipe64, step, inversion64):
    """With a layer's queries cut off from the graph, its maps have no gradient left."""
    layer = list(select_layers(pipe64.unet, Layers()))[-1]
    hook = pipe64.unet.get_submodule(layer).to_q.register_forward_hook(
        lambda module, args, queries: queries.detach()
    )
    try:
        maps = step()[1]
    finally:
        hook.remove()
    targets = inversion64.maps.step(1)
    assert not attention_l2({layer: maps[layer]}, targets).requires_grad
    assert attention_l2(maps, targets).requires_grad


def test_descending_a_term_sharpens_the_word(pipe64, inversion64):
    """One small step of the value input against the gradient lowers the loss that was asked for."""
    layers, words = Regularisation(sparsity=1).layers, inversion64.maps.words
    side = inversion64.z_T.shape[-2:]
    grids = {layer: map_size(side, scale) for layer, scale in select_layers(pipe64.unet, layers).items()}
    for regularisation in (
        Regularisation(sparsity=1, words="car"),
        Regularisation(localisation=1, words="car"),
    ):

        def loss(v: torch.Tensor) -> torch.Tensor:
            with attention_control(pipe64.unet, regularisation.layers) as control:
                control.values = v
                pipe64.unet(
                    inversion64.latents[2], inversion64.timesteps[2], encoder_hidden_states=inversion64.c
                ).sample
            return regularisation(
                ObjectiveState({layer: maps[0] for layer, maps in control.maps.items()}, grids, words, None)
            )

        v = inversion64.c.clone().requires_grad_()
        before = loss(v)
        (gradient,) = torch.autograd.grad(before, v)
        gain = before.detach() - loss(v.detach() - 1e-3 * gradient / gradient.norm())
        assert math.isclose(gain, 1e-3 * gradient.norm(), rel_tol=0.05)


@pytest.mark.parametrize(
    "settings,error,message",
    [
        ({"l2": -1}, ValueError, "The weight l2 must be a number of at least 0, not -1"),
        ({"sparsity": math.nan}, ValueError, "The weight sparsity must be finite"),
        ({"localisation": "much"}, TypeError, "The weight localisation must be a number, not 'much'"),
        ({"l1": True}, TypeError, "The weight l1 must be a number"),
        ({"words": (3,)}, TypeError, "must be a string, not 3"),
        ({"layers": "up"}, TypeError, "layers must be a Layers"),
        ({"layers": Layers(kind="self")}, ValueError, "choose layers of kind 'cross'"),
    ],
)
def test_settings_that_cannot_be(settings, error, message):
    with pytest.raises(error, match=message):
        Regularisation(**settings)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda maps: attention_l2({}, {}), "There are no attention maps; record some layers"),
        (lambda maps: sparsity({}, [1]), "There are no attention maps"),
        (
            lambda maps: attention_l1(maps, {"fine": maps["fine"]}),
            "no target for the maps of 'coarse'; record",
        ),
        (
            lambda maps: Regularisation(l2=1)(ObjectiveState(maps, GRIDS, WORDS, None)),
            "no target for the maps of 'fine'",
        ),
        (
            lambda maps: attention_l2({"fine": maps["fine"]}, {"fine": maps["coarse"]}),
            r"The target of .fine., .* must have shape \(2, 24, 7\), not \(2, 6, 7\)",
        ),
        (
            lambda maps: sparsity({"fine": maps["fine"][None]}, [1]),
            r"of one row, must have shape \(heads, HW, N\)",
        ),
        (lambda maps: sparsity(maps, []), "no tokens to look at"),
        (lambda maps: sparsity(maps, [1, 7]), "positions run from 0 to 6"),
        (lambda maps: sparsity(maps, [-1]), "positions run from 0 to 6"),
        (
            lambda maps: localisation(maps, {"fine": (4, 6)}, [1]),
            r"'coarse' have 6 pixels and need a size .* not None",
        ),
        (lambda maps: localisation(maps, GRIDS | {"fine": (4, 4)}, [1]), r"have 24 pixels .* not \(4, 4\)"),
        (
            lambda maps: Regularisation(l2=1, words="fox")(ObjectiveState(maps, GRIDS, WORDS, maps)),
            "'fox' is not in the prompt",
        ),
    ],
)
def test_errors_that_teach(call, message):
    with pytest.raises(ValueError, match=message):
        call(softmaxed(12))


def test_a_gradient_that_overflows_in_half_precision_is_taken_at_a_smaller_scale():
    x = torch.tensor([0.5, 2.0], requires_grad=True)
    loss = (x.half() * 1000).float().sum()  # 2**14 * 1000 and 2**7 * 1000 are infinite in float16
    assert torch.equal(gradient(loss, [x], torch.float16)[0], torch.full((2,), 1000.0))
    with pytest.raises(FloatingPointError, match="the gradient is NaN or infinite"):
        gradient((x - 0.5).sqrt().nan_to_num().sum(), [x])
