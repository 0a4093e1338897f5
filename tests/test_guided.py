"""Guided edits: gradients by finite differences, the best kept, starts, and each option."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image

import styledit
from styledit.guiding import (
    GUIDES,
    GuidedEdit,
    GuidedSettings,
    GuidingStopped,
    Weights,
    classify_style,
    guide,
    guiding,
)
from styledit.guiding import terms as terms_module
from styledit.guiding.learner import Learner
from styledit.guiding.style_phrases import with_style_phrase
from styledit.guiding.terms import guiding_network
from styledit.lab.edit.samples import samples
from styledit.objectives import Regularisation
from styledit.perception.clip import load_clip
from styledit.pictures import as_pixels

TARGET = "a blue car in the snow"
KEEP = Weights(l2=1.0, perceptual=0.5, style=0.2)
LOOK = Image.new("RGB", (50, 40), "orange")
FAST = {"weights": KEEP, "rate": 0.02, "every": 0, "guidance": 3.0, "blend": ()}


@pytest.fixture(scope="module")
def short(pipe64, picture):
    """The picture inverted in 3 steps in float64."""
    return styledit.invert(pipe64, picture, "a red car in the snow", 3, progress=False)


@pytest.fixture(scope="module")
def plain(embedded):
    """A plain picture inverted in 3 steps by the embedded model."""
    picture = styledit.read_image(embedded, LOOK)
    return styledit.invert(embedded, picture, "a plain sticker of a red car in the snow", 3, progress=False)


class OtherNames:
    """A network that names layers which its features do not have."""

    content_layers = style_layers = ("deep",)

    def __init__(self, network):
        self.features = network.features


def quiet(pipe, inversion, target=TARGET, **options):
    return guide(pipe, inversion, target, progress=False, **(FAST | options))


def test_without_iterations_it_is_the_edit(pipe64, short):
    plain = styledit.edit(pipe64, short, TARGET, progress=False, guidance=3.0)
    for schedule in ("step", "run"):
        guided = quiet(pipe64, short, schedule=schedule, iterations=0)
        assert torch.equal(guided.edit.latents, plain.latents) and guided.iterations == 0
        assert guided.edit.settings == plain.settings
    assert guided.image.tobytes() == plain.image.tobytes()


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("schedule", ["step", "run"])
def test_the_gradient_by_finite_differences(pipe64, short, schedule, both, monkeypatch):
    """Of pixels and maps, through the decoder and, for a whole run, through all its steps."""
    weights = Weights(l2=1.0, style=0.3, attention=Regularisation(sparsity=0.2, l2=1.0))
    count = 1 if schedule == "run" else 3
    options = FAST | {"weights": weights, "schedule": schedule, "iterations": count, "both_branches": both}
    options |= {"tau_s": 0.4, "tau_c": 0.7, "warm": False, "patience": 1000}
    taken = []
    monkeypatch.setattr(Learner, "step", lambda self, gradients: taken.append(gradients))
    guide(pipe64, short, TARGET, progress=False, **options)
    first = taken[0]
    generator = torch.Generator().manual_seed(0)
    for k in {0, len(first) - 1}:
        way = torch.randn(first[k].shape, generator=generator, dtype=torch.float64)
        losses = []
        for h in (1e-5, -1e-5):
            begin = Learner.begin

            def moved(self, bases, h=h, way=way, k=k, begin=begin):
                begin(self, bases)
                with torch.no_grad():
                    self.parameters[k] += h * way

            monkeypatch.setattr(Learner, "begin", moved)
            losses.append(guide(pipe64, short, TARGET, progress=False, **options).curves["loss"][0])
            monkeypatch.setattr(Learner, "begin", begin)
        slope = (losses[0] - losses[1]) / 2e-5
        assert math.isclose(slope, float((first[k] * way).sum()), rel_tol=1e-4, abs_tol=1e-9)


@pytest.mark.parametrize("schedule", ["step", "run"])
def test_it_lowers_the_loss(pipe64, short, schedule):
    guided = quiet(pipe64, short, schedule=schedule, iterations=12, patience=100)
    loss = guided.curves["loss"]
    assert guided.iterations == 12 == len(loss) and loss[3] < loss[0]
    assert set(guided.curves) == {"step", "loss", "l2", "perceptual", "style"}
    for k, total in enumerate(loss):
        parts = sum(getattr(KEEP, name) * guided.curves[name][k] for name in ("l2", "perceptual", "style"))
        assert math.isclose(total, parts, rel_tol=1e-9)
    assert guided.values.shape == (3, *short.c.shape[1:]) and guided.nulls is None
    assert guided.stopped == "done"


def test_what_it_costs(pipe64, short):
    """A forward counts 1 and a backward 2, for each branch; the fixed branch is computed once a step."""
    assert quiet(pipe64, short, iterations=6, patience=9).evaluations == 3 * (1 + 2 * 3 + 2)
    assert quiet(pipe64, short, iterations=6, patience=9, both_branches=True).evaluations == 3 * (2 * 6 + 2)
    assert quiet(pipe64, short, iterations=2, schedule="run").evaluations == 2 * 3 * (2 + 6) + 3 * 2


@pytest.mark.parametrize("schedule", ["step", "run"])
@pytest.mark.parametrize("warm", [True, False])
def test_an_interrupt_carries_the_best_and_its_values_make_it_again(pipe64, short, schedule, warm):
    weights = Weights(l2=1.0, style=0.2, adversarial=0.1)
    options = {"weights": weights, "schedule": schedule, "iterations": 6, "every": 2, "warm": warm}

    def stop(about):
        if about["iteration"] >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        quiet(pipe64, short, **options, callback=stop)
    assert "sys.last_value.guided.result()" in caught.value.__notes__[0]
    stopped = caught.value.guided.result()
    assert stopped.stopped == "stopped" and 3 <= stopped.iterations < 6
    assert len(stopped.filmstrip) == 2 and len(stopped.curves["loss"]) == stopped.iterations
    again = quiet(pipe64, short, **(options | {"start": stopped.values, "iterations": 0}))
    assert torch.equal(again.edit.latents, stopped.edit.latents)
    assert torch.equal(again.values, stopped.values) and again.iterations == 0
    on = quiet(pipe64, short, **(options | {"start": stopped.values, "schedule": "run"}))
    if schedule == "run":  # it begins where the first one's best was
        assert math.isclose(on.curves["l2"][0], min(stopped.curves["l2"]), rel_tol=0.2)
    assert not torch.equal(on.values, stopped.values)


@pytest.mark.parametrize("schedule", ["step", "run"])
def test_closed_in_the_middle_it_has_the_best(pipe64, short, schedule):
    settings = GuidedSettings(weights=KEEP, rate=0.02, every=0, schedule=schedule, iterations=9, patience=100)
    guided = GuidedEdit(pipe64, short, TARGET, settings, guidance=3.0, blend=())
    run = guided.run()
    for state in run:
        if getattr(state, "iteration", 0) == 5:
            break
    run.close()
    best = guided.result()
    assert best.stopped == "stopped" and best.iterations == 5
    whole = quiet(pipe64, short, schedule=schedule, iterations=9, patience=100)
    if schedule == "run":
        curve = whole.curves["loss"][:5]
        assert best.curves["loss"] == tuple(curve)
        alone = quiet(pipe64, short, schedule=schedule, iterations=1 + curve.index(min(curve)), patience=100)
        assert torch.equal(best.values, alone.values)
    else:  # the first step is done, the second was begun, the third goes on from its offsets
        assert torch.equal(best.values[0], whole.values[0])
        c = styledit.encode_prompt(pipe64, TARGET)
        torch.testing.assert_close(best.values[2] - c[0], best.values[1] - c[0], atol=1e-12, rtol=0)
    plain = styledit.edit(pipe64, short, TARGET, progress=False, guidance=3.0)
    assert best.image.size == short.image.size and not torch.equal(best.edit.latents, plain.latents)
    assert torch.equal(guided.result().edit.latents, best.edit.latents)


def test_stopped_before_it_began_it_is_its_start(pipe64, short):
    random = quiet(pipe64, short, start="random", seed=1, iterations=0)
    settings = GuidedSettings(weights=KEEP, start="random", seed=1)
    best = GuidedEdit(pipe64, short, TARGET, settings, guidance=3.0, blend=()).result()
    assert torch.equal(best.edit.latents, random.edit.latents) and torch.equal(best.values, random.values)


def test_the_best_is_not_the_last(pipe64, short):
    """A rate that overshoots: the result is that of the lowest loss on the way."""
    guided = quiet(pipe64, short, schedule="run", iterations=5, rate=50.0, patience=100)
    loss = guided.curves["loss"]
    assert loss.index(min(loss)) < len(loss) - 1
    again = quiet(
        pipe64, short, schedule="run", iterations=1 + loss.index(min(loss)), rate=50.0, patience=100
    )
    assert torch.equal(again.values, guided.values)


def test_a_plateau_ends_it(pipe64, short):
    assert quiet(pipe64, short, schedule="run", iterations=50, rate=0.0, patience=2).iterations == 3
    assert quiet(pipe64, short, schedule="step", iterations=60, rate=0.0, patience=2).iterations == 9


def test_a_term_of_weight_0_costs_nothing(pipe64, short, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("it was asked for")

    monkeypatch.setattr(terms_module, "load_clip", refuse)
    monkeypatch.setattr(terms_module, "Critic", refuse)
    guided = quiet(pipe64, short, weights=Weights(l2=1.0), iterations=3)
    assert set(guided.curves) == {"step", "loss", "l2"}
    with pytest.raises(AssertionError, match="asked for"):
        quiet(pipe64, short, weights="brief", iterations=3)


@pytest.mark.parametrize("schedule", ["step", "run"])
def test_the_changed_words_alone(pipe64, short, schedule):
    guided = quiet(pipe64, short, schedule=schedule, iterations=6, tokens="changed", both_branches=True)
    c = styledit.encode_prompt(pipe64, TARGET)
    moved = (guided.values - c).abs().amax((0, 2)) > 0
    assert moved.nonzero().flatten().tolist() == styledit.word_tokens(pipe64, TARGET, "blue")
    assert ((guided.nulls - short.null).abs().amax((0, 2)) > 0).all()


def test_it_can_begin_late(pipe64, short):
    guided = quiet(pipe64, short, iterations=6, since=0.5, patience=100)
    plain = styledit.edit(pipe64, short, TARGET, progress=False, guidance=3.0)
    assert set(guided.curves["step"]) == {2.0} and guided.iterations == 6
    assert torch.equal(guided.edit.latents[:3], plain.latents[:3])
    assert not torch.equal(guided.edit.latents[3], plain.latents[3])


def test_one_iteration_a_step_moves(pipe64, short):
    """What the last step's gradient says is where the next one starts."""
    plain = styledit.edit(pipe64, short, TARGET, progress=False, guidance=3.0)
    guided = quiet(pipe64, short, iterations=3)
    assert torch.equal(guided.edit.latents[1], plain.latents[1])
    assert not torch.equal(guided.edit.latents[2], plain.latents[2])


def test_clamp(pipe64, short):
    free = quiet(pipe64, short, iterations=3)
    bounded = quiet(pipe64, short, iterations=3, clamp=True)
    assert free.values.abs().max() > 1 >= bounded.values.abs().max()
    run = quiet(pipe64, short, iterations=2, schedule="run", clamp=True)
    assert run.values.abs().max() <= 1


def test_both_branches(pipe64, short):
    guided = quiet(pipe64, short, iterations=6, both_branches=True)
    assert guided.nulls.shape == guided.values.shape
    assert not torch.allclose(guided.nulls, short.null.expand_as(guided.nulls), atol=1e-3)
    one = quiet(pipe64, short, iterations=6, both_branches=True, guidance=1.0)
    assert one.evaluations == 3 * (2 * 3 + 1)  # there is one branch at guidance 1


def test_starts(pipe64, short):
    values = styledit.fit_values(pipe64, short, guidance=3.0, progress=False)
    plain = quiet(pipe64, short, values=values, iterations=0)
    fitted = quiet(pipe64, short, values=values, iterations=0, start="fitted")
    random = quiet(pipe64, short, values=values, iterations=0, start="random", seed=1)
    c = styledit.encode_prompt(pipe64, TARGET)
    assert torch.allclose(plain.values[-1:], c) and torch.equal(fitted.values[-1:], values.v(2, c))
    other = quiet(pipe64, short, values=values, iterations=0, start="random", seed=2)
    assert not torch.equal(random.values, other.values)
    assert random.values.std() == pytest.approx(float(c.std()), rel=0.2)
    with pytest.raises(ValueError, match="needs value inputs"):
        quiet(pipe64, short, start="fitted")
    with pytest.raises(ValueError, match=r"start must have shape \(3, "):
        quiet(pipe64, short, start=fitted.values[:2])
    with pytest.raises(ValueError, match="start has NaN"):
        quiet(pipe64, short, start=fitted.values * math.nan)


def test_text_alone(pipe64, short):
    guided = quiet(pipe64, short, weights="default", schedule="text", iterations=2, start="random")
    assert set(guided.curves) == {"step", "loss", "clip"} and guided.curves["loss"] == guided.curves["clip"]
    with pytest.raises(ValueError, match="CLIP term alone"):
        quiet(pipe64, short, schedule="text", weights="brief")


def test_a_style_picture(pipe64, short):
    look = Image.new("RGB", (50, 40), "orange")
    options = {"weights": Weights(style=1.0), "iterations": 9, "patience": 100, "start": "edit"}
    own = quiet(pipe64, short, short.prompt, **options)
    other = quiet(pipe64, short, short.prompt, style_image=look, **options)
    assert other.curves["style"][0] > own.curves["style"][0]
    assert other.curves["style"][2] < other.curves["style"][0]
    default = quiet(pipe64, short, short.prompt, style_image=look, weights="default", iterations=3)
    assert set(default.curves) == {"step", "loss", "style"}
    with pytest.raises(ValueError, match="Nothing reads the style picture"):
        quiet(pipe64, short, style_image=look, weights=Weights(l2=1.0))


@pytest.mark.slow
def test_the_style_is_classified(embedded):
    drawn = samples()
    said = [classify_style(embedded, drawn[0].prompt, sample.picture) for sample in drawn]
    true = [sample.prompt.split(" of ")[0] for sample in drawn]
    assert sum(sentence.split(" of ")[0] == look for sentence, look in zip(said, true, strict=True)) >= 13
    assert len(set(true)) == 8 and len(drawn) == 16
    rest = drawn[0].prompt.split(" of ")[1]
    assert {sentence.split(" of ")[1] for sentence in said} == {rest}  # what is shown stays
    watercolour = next(s.picture for s in drawn if s.prompt.startswith("a watercolor"))
    assert classify_style(embedded, "a fox", watercolour) == "a watercolor painting of a fox"
    assert (
        classify_style(embedded, "  A Pencil  sketch of a fox", watercolour)
        == "a watercolor painting of a fox"
    )
    assert (
        classify_style(embedded, "a fox", watercolour, style_phrases="a drawing of") == "a drawing of a fox"
    )


def test_sentences_are_embedded_together_as_alone():
    clip = load_clip()
    prompts = ("a fox", "a pencil sketch of a red car on a white background", "a fox in the meadow")
    with torch.no_grad():
        together = clip.embed_text(*prompts)
        alone = torch.cat([clip.embed_text(prompt) for prompt in prompts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_the_style_by_a_model_without_a_list(pipe, picture):
    clip = load_clip()
    with pytest.raises(ValueError, match="no style phrases to choose from"):
        classify_style(pipe, "a fox", picture, clip=clip)
    phrases = ("a pencil sketch of", "a watercolor painting of")
    said = classify_style(pipe, "a pencil sketch of a fox", picture, style_phrases=phrases, clip=clip)
    cosines = [  # of what the prompt shows, in each look
        float(
            torch.cosine_similarity(
                clip.embed_text(f"{phrase} a fox"), clip.embed_pictures(as_pixels(picture))
            )
        )
        for phrase in phrases
    ]
    assert said == f"{phrases[cosines.index(max(cosines))]} a fox"
    for phrases, kind, words in (
        (("",), ValueError, "empty"),
        ((5,), TypeError, "string"),
        (("an öl painting of",), ValueError, "spell"),
    ):
        with pytest.raises(kind, match=words):
            classify_style(pipe, "a fox", picture, style_phrases=phrases, clip=clip)
    with pytest.raises(TypeError, match="Clip"):
        classify_style(pipe, "a fox", picture, style_phrases=phrases, clip="openai")
    with pytest.raises(ValueError, match="no style phrases to choose from"):
        classify_style(pipe, "a fox", picture, style_phrases=[], clip=clip)
    with pytest.raises(ValueError, match="prompt is empty"):
        classify_style(pipe, " ", picture, style_phrases=phrases, clip=clip)


@pytest.mark.slow
def test_an_unchanged_prompt_gets_the_style_pictures_phrase(embedded):
    source, look = samples()[0], next(s for s in samples() if s.prompt.startswith("a watercolor"))
    inversion = styledit.invert(embedded, source.picture, source.prompt, 4, progress=False)
    named = source.prompt.replace(source.prompt.split(" of ")[0], "a watercolor painting")
    assert named != source.prompt

    def guided(target=source.prompt, style_phrases=None, **options):
        settings = GuidedSettings(style_phrases=style_phrases)
        return GuidedEdit(embedded, inversion, target, settings, **options)

    asked = guided(style_image=look.picture)
    assert asked.prompt == named and asked.optimisation.rate == 0.03
    assert asked.edit_run.settings == guided(named).edit_run.settings  # those of an edit of the look
    assert 0 < asked.optimisation.free.sum() < asked.optimisation.free.numel()  # and the look's words move
    kept = guided(style_image=look.picture, style_phrases=(), tau_s=0.7)
    assert kept.prompt == source.prompt
    settings = kept.edit_run.settings
    assert (settings.tau_v, settings.tau_c, settings.tau_s, settings.tau_u) == (0.0, 0.4, 0.7, 0.2)
    rest = source.prompt.split(" of ")[1]
    sketched = guided(style_image=look.picture, style_phrases=["a pencil  sketch of"]).prompt
    assert sketched == f"a pencil sketch of {rest}"  # the source's look is not in the list, and made room
    for same_words in (f" {source.prompt}.", source.prompt.upper()):
        assert guided(same_words, style_image=look.picture).prompt.lower().rstrip(".") == named
    own_look = guided(source.prompt.upper(), style_image=source.picture)  # nothing new to say
    assert own_look.prompt == source.prompt.upper() and own_look.edit_run.settings.tau_s == 0.2
    long = "a fox in the snow in the meadow in the forest in the night on the beach"
    assert with_style_phrase(embedded, long, long, look.picture) == long  # the model has no room for more
    short = long.removesuffix(" on the beach")
    assert with_style_phrase(embedded, short, short, look.picture) == f"a watercolor painting of {short}"
    changed = source.prompt.replace(source.prompt.split()[-1], "forest")
    assert guided(changed, style_image=look.picture).prompt == changed
    assert guided(changed).optimisation.rate == 0.01


def test_the_filmstrip(pipe64, short):
    guided = quiet(pipe64, short, iterations=6, every=2, patience=100)
    assert [frame.iteration for frame in guided.filmstrip] == [1, 3, 5]
    assert [frame.step for frame in guided.filmstrip] == [0, 1, 2]
    for frame in guided.filmstrip:
        assert frame.picture.size == short.image.size and frame.heat.shape == (8, 8)
    run = quiet(pipe64, short, iterations=2, every=1, schedule="run", word="snow")
    assert len(run.filmstrip) == 2 and run.filmstrip[0].heat.shape == (8, 8)


def test_it_can_be_watched(pipe64, short):
    told = []
    guide(pipe64, short, TARGET, progress=False, callback=told.append, **FAST, iterations=6)
    assert [about["i"] for about in told] == [0, 1, 2]
    assert all({"z", "loss", "terms", "best", "iteration", "frame"} <= set(about) for about in told)
    states = list(guiding(pipe64, short, TARGET, **FAST, iterations=6))
    assert sum(state.finished for state in states) == 3
    assert {state.iteration for state in states if hasattr(state, "iteration")} == set(range(1, 7))


def test_little_memory_is_the_same(pipe64, short):
    options = {"iterations": 3, "weights": Weights(l2=1.0, perceptual=1.0)}
    plain = quiet(pipe64, short, **options)
    little = quiet(pipe64, short, low_memory=True, **options)
    assert torch.allclose(plain.values, little.values, atol=1e-9)
    assert not pipe64.vae.decoder.gradient_checkpointing and not pipe64.unet.is_gradient_checkpointing
    run = quiet(pipe64, short, low_memory=True, schedule="run", **options)
    assert torch.allclose(run.values, quiet(pipe64, short, schedule="run", **options).values, atol=1e-9)


def test_maps_are_recorded(pipe64, short):
    guided = quiet(pipe64, short, iterations=3, record=styledit.Layers(scales=2))
    assert guided.edit.maps.word("car", size=(8, 8)).shape == (8, 8)


@pytest.mark.parametrize("schedule", ["step", "run"])
def test_nan_is_one_sentence_with_the_best(pipe64, short, schedule, monkeypatch):
    step = Learner.step

    def diverging(self, gradients):
        step(self, gradients)
        with torch.no_grad():
            for p in self.parameters:
                p *= 1e300

    monkeypatch.setattr(Learner, "step", diverging)
    with pytest.raises(GuidingStopped, match="NaN or infinite") as caught:
        quiet(pipe64, short, schedule=schedule, iterations=9, patience=100)
    assert torch.isfinite(caught.value.best.edit.latents).all()


def test_the_network_is_as_it_was(pipe64, short):
    before = pipe64.unet.attn_processors
    run = guiding(pipe64, short, TARGET, **FAST, iterations=6)
    for _ in range(4):
        next(run)
        assert pipe64.unet.attn_processors == before and torch.is_grad_enabled()
    run.close()


def test_float32_and_each_prediction_type(pipe, inversion):
    guided = guide(pipe, inversion, TARGET, progress=False, iterations=6, weights="brief")
    assert guided.values.dtype == torch.float32 and torch.isfinite(guided.edit.latents).all()
    assert set(guided.curves) == {"step", "loss", "l2", "perceptual", "style", "clip"}


def test_bad_input_is_one_sentence(pipe64, short):
    for options, kind, words in (
        ({"schedule": "often"}, ValueError, "schedule"),
        ({"weights": "strong"}, ValueError, "no weights 'strong'"),
        ({"weights": Weights()}, ValueError, "Every weight is 0"),
        ({"weights": 0.5}, TypeError, "Weights"),
        ({"iterations": 1001}, ValueError, "1000"),
        ({"rate": "fast"}, TypeError, "rate"),
        ({"tau_x": 1.0}, TypeError, "tau_x"),
        ({"style_image": 5}, TypeError, "picture"),
        ({"word": "dog"}, ValueError, "'dog' is not in the prompt"),
        ({"style_phrases": 5}, TypeError, "Each of style_phrases"),
        ({"style_phrases": ""}, ValueError, "One of style_phrases is empty"),
        (
            {"weights": GUIDES["text"], "schedule": "text", "style_image": LOOK},
            ValueError,
            "reads the CLIP term",
        ),
        ({"network": "vgg"}, TypeError, "look at pictures"),
        ({"network": "vgg", "weights": Weights(l2=1.0)}, TypeError, "look at pictures"),
        ({"clip": "openai"}, TypeError, "clip must be a Clip"),
        ({"rate": 1e38}, ValueError, "rate must be a number from 0 to 1e"),
        ({"start": "middle"}, ValueError, "start must be one of"),
        ({"start": 5}, TypeError, "start must be a string"),
        ({"checkpoint": "x"}, TypeError, "no setting 'checkpoint'"),
        ({"patience": 0}, ValueError, "patience"),
    ):
        with pytest.raises(kind, match=words):
            quiet(pipe64, short, **options)
    with pytest.raises(TypeError, match="must be an Inversion from"):
        guide(pipe64, LOOK, TARGET, style_image=LOOK)
    with pytest.raises(TypeError, match="GuidedSettings"):
        GuidedEdit(pipe64, short, TARGET, {"iterations": 3})
    with pytest.raises(ValueError, match="names the layer 'deep'"):
        quiet(pipe64, short, network=OtherNames(guiding_network(pipe64)), iterations=1)
    with pytest.raises(ValueError, match="negative|at least 0|from 0"):
        Weights(l2=-1)
    with pytest.raises(TypeError, match="Regularisation"):
        Weights(attention=1)


def test_a_direction_needs_another_prompt(pipe64, short):
    with pytest.raises(ValueError, match="direction needs a target prompt with other words"):
        quiet(pipe64, short, short.prompt, weights=Weights(direction=1.0))


def test_the_presets():
    assert GUIDES["brief"].about() == {"l2": 0.1, "perceptual": 0.5, "style": 0.2, "clip": 0.2}
    assert GUIDES["text"].about() == {"clip": 1.0} and bool(GUIDES["default"])


def test_what_breaks_the_network_leaves_the_best_too(embedded, plain):
    with pytest.raises(GuidingStopped, match="NaN or infinite") as caught:
        guide(
            embedded, plain, "a plain sticker of a blue car in the snow", rate=1e30, iterations=6,
            every=0, progress=False,
        )  # fmt: skip
    assert torch.isfinite(caught.value.best.edit.latents).all()


def test_regularisation_and_unknown_words_are_refused(pipe64, short):
    with pytest.raises(ValueError, match="takes no regularisation"):
        quiet(pipe64, short, regularisation=Regularisation(sparsity=1.0))
    absent = Weights(attention=Regularisation(sparsity=1.0, words=("red",)))
    with pytest.raises(ValueError, match="'red' is not in the prompt"):
        quiet(pipe64, short, weights=absent)


def test_a_guided_edit_opens_in_the_lab(embedded, plain):
    from styledit.lab import edit_lab

    guided = guide(
        embedded,
        plain,
        "a plain sticker of a blue car in the snow",
        iterations=1,
        every=0,
        progress=False,
    )
    assert guided.edit.inversion is plain
    edit_lab(embedded, guided).close()
