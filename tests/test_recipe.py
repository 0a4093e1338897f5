"""The recipe: resuming is exact, the tokenizer is always the same, the encoder learns, then stays."""

from __future__ import annotations

import csv
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPTextModel

from measure import judges
from measure.report import both_there
from recipe import cost, folders, loop, make_data, muon, patch_pca, tokenizer, train, watching
from recipe.artwork import AUTHORS, SEEN_ARTISTS, artists_of
from recipe.edition import COMMITTED, Code
from recipe.samples import augmented, pictures_of, scenes, to_tensor, training_scenes
from recipe.stages import autoencoder, clip, code, decoder, export, judge, unet
from recipe.world import Scene, Thing
from styledit.objectives.pixels import perceptual

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Checkpoints and curves go to a fresh folder."""
    for name in ("CACHE", "CURVES"):
        monkeypatch.setattr(folders, name, tmp_path / name.lower())
    return tmp_path


def fit(steps: int, stop_after: int | None = None, **options) -> torch.nn.Linear:
    """Train a linear map for `steps` steps; killed in the middle of step `stop_after` where given."""
    torch.manual_seed(0)
    net = torch.nn.Linear(5, 3)
    done = itertools.count()

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        if next(done) == stop_after:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(8, 5))).float()
        return (net(x) - x[:, :3] + 0.01 * torch.randn(8, 3)).square().mean()

    loop.train("toy", {"net": net}, loss, steps=steps, lr=0.05, **{"save_every": 0, **options})
    return net


@pytest.mark.parametrize("rate", [0.0, 0.01], ids=["adamw", "muon"])
def test_a_killed_stage_ends_where_an_unbroken_one_does(elsewhere, rate):
    unbroken = fit(40, muon=rate)
    (elsewhere / "cache" / "toy.safetensors").unlink()
    with pytest.raises(KeyboardInterrupt):
        fit(40, stop_after=17, muon=rate)
    resumed = fit(40, muon=rate)
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters(), strict=True))
    fresh = torch.nn.Linear(5, 3)
    assert loop.load_weights("toy", {"net": fresh}) == 40
    assert torch.equal(fresh.weight, resumed.weight)


def test_a_critic_learns_by_its_own_optimiser_and_survives_a_kill(elsewhere):
    def train(stop_after: int | None = None):
        torch.manual_seed(1)
        other = torch.nn.Linear(3, 1)
        first = other.weight.clone()

        def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
            if step == stop_after:
                raise KeyboardInterrupt
            x = torch.from_numpy(rng.normal(size=(8, 5))).float()
            return 1e6 * other(net(x).detach()).mean() + net(x).square().mean()  # a large one, unclipped

        torch.manual_seed(0)
        net = torch.nn.Linear(5, 3)
        loop.train("toy", {"net": net}, loss, steps=20, lr=0.05, critics={"other": other}, save_every=0)
        return net, other, (other.weight - first).abs().max()

    unbroken, critic, moved = train()
    assert 0 < moved < 20 * 2.1e-4  # Adam's steps of 2e-4
    (elsewhere / "cache" / "toy.safetensors").unlink()
    with pytest.raises(KeyboardInterrupt):
        train(stop_after=9)
    resumed, again, _ = train()
    pairs = zip(
        [*unbroken.parameters(), *critic.parameters()],
        [*resumed.parameters(), *again.parameters()],
        strict=True,
    )
    assert all(torch.equal(a, b) for a, b in pairs)


def test_sharpness_moves_critic_and_decoder_by_their_own_parts():
    sharp = decoder.Sharpness()
    torch.manual_seed(0)
    y, x = torch.rand(2, 3, 64, 64, requires_grad=True), torch.rand(2, 3, 64, 64)
    inside = list(sharp.critic.parameters())
    early = torch.autograd.grad(sharp(y, x, 0), [y, *inside])
    late = torch.autograd.grad(sharp(y, x, decoder.ALONE), [y, *inside])
    for one, other in zip(early[1:], late[1:], strict=True):
        torch.testing.assert_close(one, other)  # the pull at the decoder leaves the critic alone
    features = [sharp.encoder.features(z / 2 + 0.5) for z in (y, x)]
    seen = [{name: f[name] for name in sharp.encoder.style_layers} for f in features]
    by_eye = torch.autograd.grad(decoder.PERCEPTUAL * perceptual(*seen, relative=True), y)[0]
    torch.testing.assert_close(early[0], by_eye)
    pull = torch.autograd.grad(-decoder.ADVERSARIAL * sharp.critic(y / 2 + 0.5).mean(), y)[0]
    torch.testing.assert_close(late[0] - early[0], pull)
    assert pull.abs().max() > 0


def test_a_run_that_did_not_start_at_zero_survives_a_kill_too(elsewhere):
    unbroken = fit(340, start=200)
    (elsewhere / "cache" / "toy.safetensors").unlink()
    with pytest.raises(KeyboardInterrupt):
        fit(340, stop_after=20, start=200)
    with pytest.raises(KeyboardInterrupt):
        fit(340, stop_after=90, start=200, save_every=1e9)  # goes on from 220; logs step 270, saves nothing
    assert loop.last_step("toy") == 270
    resumed = fit(340, start=loop.last_step("toy"))
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters(), strict=True))
    steps = [
        int(line.split(",")[0]) for line in (elsewhere / "cache" / "toy.csv").read_text().splitlines()[1:]
    ]
    assert steps == sorted(set(steps)) and steps[-1] == 340


def test_a_checkpoint_of_another_optimiser_is_refused():
    fit(5)
    with pytest.raises(SystemExit, match="another optimiser"):
        fit(10, muon=0.01)


def test_an_orthogonal_step_has_singular_values_of_about_one():
    for rows, columns in ((12, 40), (40, 12)):
        steps = muon.orthogonal(torch.randn(3, rows, columns, generator=torch.Generator().manual_seed(0)))
        values = torch.linalg.svdvals(steps)
        assert steps.shape == (3, rows, columns) and values.min() > 0.5 and values.max() < 1.5


def test_muon_takes_matrices_and_leaves_the_ends_of_a_network():
    names = {name for name, p in unet.build_unet().named_parameters() if muon.takes(name, p)}
    assert "mid_block.resnets.0.conv1.weight" in names
    assert not any(name.startswith(("conv_in", "conv_out")) or name.endswith("bias") for name in names)


def test_what_is_timed_can_ask_whether_training_runs(elsewhere):
    assert not loop.training_runs()
    seen = []
    net = torch.nn.Linear(2, 2)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        seen.append(loop.training_runs())
        return net.weight.square().sum()

    loop.train("toy", {"net": net}, loss, steps=2, lr=0.1)
    assert seen == [True, True] and not loop.training_runs()


def test_a_committed_curve_is_taken_up_and_given_back(elsewhere):
    (elsewhere / "curves").mkdir()
    (elsewhere / "curves" / "toy.csv").write_text("step,loss,seconds_per_step\n50,1.0,0.1\n100,0.9,0.1\n")
    assert loop.last_step("toy") == 100
    fit(150, start=100)
    loop.commit_curve("toy")
    steps = [row["step"] for row in csv.DictReader((elsewhere / "curves" / "toy.csv").open())]
    assert steps == ["50", "100", "150"]


def test_the_curve_is_logged_and_falls(elsewhere):
    fit(200)
    rows = list(csv.DictReader((elsewhere / "cache" / "toy.csv").open()))
    assert [int(row["step"]) for row in rows] == [50, 100, 150, 200]
    assert float(rows[-1]["loss"]) < 0.2 * float(rows[0]["loss"])


def test_a_stage_is_watched_from_its_first_step_whatever_lies_in_the_cache(elsewhere):
    first = watching.first_losses(fit, 4)
    assert watching.first_losses(fit, 4) == first and len(first) == 4
    (elsewhere / "curves").mkdir()
    (elsewhere / "curves" / "toy.csv").write_text("step,loss,seconds_per_step\n50,1.5,0.2\n100,1.0,0.2\n")
    assert watching.curve("toy").tolist() == [[50, 1.5, 0.2], [100, 1.0, 0.2]]


def test_the_committed_unets_rate_is_warmed_up_twice_and_falls_twice():
    rates = [
        watching.unet_rate(step) for step in (0, 1_000, watching.RESTART, 4_000, 7_999, 8_000, unet.STEPS - 1)
    ]
    assert rates == pytest.approx([1 / 300, 1, 1 / 300, 1, 0.02, 0.5, 0.02], abs=0.01)


def test_a_diverging_stage_says_so(elsewhere):
    net = torch.nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="the loss is nan at step 0"):
        loop.train("toy", {"net": net}, lambda rng, step: net.weight.sum() * float("nan"), steps=3, lr=1.0)


def test_every_word_is_one_token_and_the_vocabulary_is_always_the_same(elsewhere):
    built = tokenizer.build_tokenizer()
    assert all(len(built(word).input_ids) == 3 for word in COMMITTED.words)
    folder = elsewhere / "cache" / "tokenizer"
    before = {file.name: file.read_text() for file in folder.iterdir()}
    for file in folder.iterdir():
        file.unlink()
    tokenizer.build_tokenizer()
    assert before == {file.name: file.read_text() for file in folder.iterdir()}


def test_other_words_need_another_vocabulary(elsewhere):
    known = len(tokenizer.build_tokenizer()("kite").input_ids)
    more = tokenizer.build_tokenizer(replace(COMMITTED, objects=(*COMMITTED.objects, "kite")))
    assert known > 3 == len(more("kite").input_ids)


def test_another_edition_starts_from_the_committed_words():
    old = AutoTokenizer.from_pretrained(folders.MODEL / "tokenizer")
    new = tokenizer.build_tokenizer(replace(COMMITTED, objects=("car", "heart", "kite")))
    before = CLIPTextModel.from_pretrained(folders.MODEL / "text_encoder", dtype=torch.float32).eval()
    after = tokenizer.committed_text_encoder(new).eval()
    prompt = "a plain sticker of a red car on the beach"
    assert new(prompt).input_ids != old(prompt).input_ids
    with torch.no_grad():
        read = [
            tower(tokenizer.tokenize(words, [prompt])).last_hidden_state
            for tower, words in ((before, old), (after, new))
        ]
    torch.testing.assert_close(*read)


def test_the_committed_diffusion_model_is_trained_on_from_where_its_curve_ends(elsewhere):
    few = replace(COMMITTED, pictures=100)
    autoencoder.encode_scenes(few)
    (elsewhere / "curves").mkdir()
    (elsewhere / "curves" / "unet.csv").write_text("step,loss,seconds_per_step\n5000,0.3,1.0\n")
    unet.train_unet(5_001, few, from_model=True)
    assert loop.last_step("unet") == 5_001
    committed, trained = unet.build_unet(), unet.build_unet()
    unet.take_committed(committed)
    assert loop.load_weights("unet", {"unet": trained}, "live") == 5_001
    apart = [(a - b).abs().max() for a, b in zip(committed.parameters(), trained.parameters(), strict=True)]
    assert 0 < max(apart) < 1e-3  # a step of the rate's first three-hundredth


def test_latents_are_encoded_once_and_after_a_kill_only_what_is_missing(elsewhere, monkeypatch):
    few = replace(COMMITTED, pictures=250)
    autoencoder.encode_scenes(few)
    whole = np.array(autoencoder.load_latents())
    assert whole.shape == (250, 20, 16, 16) and whole.dtype == np.float16
    file = elsewhere / "cache" / "latents.npy"
    file.rename(file.with_suffix(".unfinished.npy"))
    np.save(file.with_suffix(".written.npy"), np.array([True, False, True]))
    latents = np.load(file.with_suffix(".unfinished.npy"), mmap_mode="r+")
    latents[100:200] = 0
    latents.flush()
    with pytest.raises(SystemExit, match="unfinished.npy is of another world or code"):
        autoencoder.encode_scenes(replace(few, pictures=350))
    autoencoder.encode_scenes(few)
    assert np.array_equal(autoencoder.load_latents(), whole)
    np.save(file.with_suffix(".written.npy"), np.array([True, False, True]))  # of a file that was removed
    file.unlink()
    autoencoder.encode_scenes(few)
    assert np.array_equal(autoencoder.load_latents(), whole)


def test_clips_loss_asks_each_for_its_own_and_takes_equal_captions_for_right():
    ids = torch.tensor([[1, 2], [3, 4], [1, 2]])
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.5, 3.0, 0.0], [1.0, -1.0, 2.0]])  # (pictures, texts)
    told = clip.contrastive(SimpleNamespace(logits_per_image=logits, logits_per_text=logits.T), ids)
    of = [-table.log_softmax(1) for table in (logits, logits.T)]
    written_out = [((p[0, 0] + p[0, 2]) / 2 + p[1, 1] + (p[2, 0] + p[2, 2]) / 2) / 3 for p in of]
    torch.testing.assert_close(told, sum(written_out) / 2)


def test_a_trained_code_is_what_latents_unet_and_decoder_are_made_for(elsewhere, monkeypatch, capsys):
    monkeypatch.setattr(code, "HELD_OUT", 1)
    few = replace(COMMITTED, pictures=110, code=Code(channels=14, widths=(8, 8, 8, 16)))
    assert autoencoder.load_autoencoder().config.latent_channels == 20  # the committed one
    code.train_code(2, few)
    code.train_code(3, few)
    said = capsys.readouterr().out
    assert "code step 3: held-out artist" in said and "woodcut" in said
    assert loop.has_checkpoint("code") and loop.last_step("code") == 3
    vae = autoencoder.load_autoencoder()
    assert not any(p.requires_grad for p in vae.parameters())
    autoencoder.encode_scenes(few)
    latents = autoencoder.load_latents()
    by_encoder = autoencoder.encode(vae, pictures_of(training_scenes(few)[:4]))
    assert latents.shape == (110, 14, 16, 16) and vae.config.scaling_factor == 1
    np.testing.assert_allclose(latents[:4], by_encoder, atol=5e-3, rtol=5e-3)
    code.train_code(3, few)  # it is there: `train all` goes on to what is not
    with pytest.raises(SystemExit, match="the encoder stays as it is"):
        code.train_code(4, few)
    with pytest.raises(SystemExit, match="of another world or code"):
        autoencoder.encode_scenes(replace(few, pictures=111))
    monkeypatch.setattr(decoder, "ALONE", 1)
    decoder.train_decoder(3, few)
    assert unet.build_unet(few).conv_in.in_channels == 14


def test_the_arithmetic_of_a_training_is_counted():
    line = torch.nn.Linear(5, 3)
    assert cost.flops(lambda: line(torch.zeros(8, 5))) == 2 * 8 * 5 * 3
    stages = {name: (steps, work) for name, steps, work in cost.costs()}
    assert [*stages] == [*train.STAGES[:-1], "joint"]
    assert stages["unet"][0] == unet.STEPS and all(work > 1e9 for _, work in stages.values())


def test_a_judge_without_an_artist_is_measured_on_that_one(elsewhere, monkeypatch, capsys):
    few = replace(
        COMMITTED, pairs=0.0, objects=("car", "heart"), styles=("sticker",), places=("white", "pink")
    )
    drawn = []
    paint = judge.judged
    monkeypatch.setattr(
        judge,
        "judged",
        lambda rng, n, edition, artists: drawn.append(artists) or paint(rng, 4, edition, artists),
    )
    left_out = AUTHORS[0]
    judge.train_judge(1, few, left_out)
    trained = judge.trained_judge(few, left_out)
    assert not trained.training and set(drawn) == {
        tuple(a for a in SEEN_ARTISTS if not a.startswith(left_out))
    }
    named = judges.seen(trained, artists_of(left_out), few, pictures=6)
    assert set(named) == {"object", "colour", "place", "style"} and named["style"] == 100.0  # there is one
    assert "object" in judges.line("somebody", named)
    with pytest.raises(SystemExit, match="has no checkpoint"):
        judge.trained_judge(few)


def test_two_things_are_counted_by_halves():
    plain = Scene("cat", "meadow", "sticker", "noto", 0, other=Thing("balloon", "red"))
    sketched = replace(plain, style="sketch")
    unsaid = replace(plain, other=Thing("balloon", "red", says_colour=False))
    scenes = [plain, plain, plain, sketched, unsaid]
    cat, red, blue = ("cat", "none"), ("balloon", "red"), ("balloon", "blue")
    seen = [(cat, red), (blue, cat), (cat, ("dog", "none")), (cat, blue), (red, ("nothing", "none"))]
    left, right = ([dict(zip(("object", "colour"), pair[k], strict=True)) for pair in seen] for k in (0, 1))
    there, coloured = both_there(scenes, left, right)
    assert there == [True, True, False, True, False]
    assert coloured == [True, False, False]  # of the first three: the others say none, or show none


def test_a_report_sees_the_averaged_weights():
    weights = []
    net = torch.nn.Linear(2, 2)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        weights.append(net.weight.detach().clone())
        return (net.weight - 1).square().sum()

    seen = []
    loop.train(
        "toy",
        {"net": net},
        loss,
        steps=5,
        lr=0.1,
        report=lambda step: seen.append((step, net.weight.detach().clone())),
        report_every=2,
    )
    assert [step for step, _ in seen] == [2, 4, 5]
    assert torch.equal(seen[-1][1], net.weight)
    assert not torch.equal(seen[0][1], weights[2])  # the live weights are back


def test_the_components_keep_most_of_a_picture_and_their_code_is_a_matrix():
    pictures = pictures_of(scenes(24, 5))
    kept = patch_pca.committed().project(pictures[0])
    assert 0 < np.abs(kept.astype(int) - pictures[0]).mean() < 8
    for pca in (patch_pca.committed(), patch_pca.fit(pictures, 12)):
        z = (patch_pca.patches(pictures[:4]) - pca.mean) @ (
            pca.components / np.sqrt(pca.deviations)[:, None]
        ).T
        assert z.shape == (4, 16, 16, 12)
        np.testing.assert_allclose(pca.encode(pictures[:4]) * pca.overall, z, atol=1e-5)


def test_tensors_and_augmentation():
    pictures = pictures_of(scenes(2, 3))
    plain = to_tensor(pictures, signed=False)
    torch.testing.assert_close(to_tensor(pictures, signed=True), plain * 2 - 1)
    assert plain.shape == (2, 3, 128, 128) and plain.min() >= 0 and plain.max() <= 1
    first, again = (augmented(np.random.default_rng(4), 3) for _ in range(2))
    assert first[0] == again[0] and torch.equal(first[1], again[1])
    assert not torch.equal(first[1], to_tensor(pictures_of(first[0]), signed=False))


# --- the commands -----------------------------------------------------------------------------------


def test_the_cache_can_lie_outside_the_checkout(tmp_path):
    asked = "from recipe import folders; print(folders.CACHE)"
    for value, expected in (("", folders.RECIPE / "cache"), (str(tmp_path), tmp_path)):
        environment = os.environ | {"STYLEDIT_CACHE": value}
        run = subprocess.run(
            [sys.executable, "-c", asked], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert run.stdout.strip() == str(expected), run.stderr


@pytest.mark.parametrize("stage", ["unet", "decoder"])
def test_a_stage_without_its_latents_says_what_to_run(stage):
    with pytest.raises(SystemExit, match="run the autoencoder stage first"):
        train.run(stage, 1, from_model=False)


@pytest.mark.parametrize("stage", ["clip", "export"])
def test_a_stage_without_the_diffusion_model_says_what_to_run(stage, tmp_path, monkeypatch):
    (tmp_path / "vae").symlink_to(folders.MODEL / "vae")
    monkeypatch.setattr(folders, "MODEL", tmp_path)  # nothing of the embedded model is written over
    with pytest.raises(SystemExit, match=r"Stage unet has no checkpoint in .*: train it first"):
        train.run(stage, 1, from_model=False)
    assert not list(tmp_path.glob("*.json"))


def test_an_author_is_left_out_of_the_judge_alone(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", "all", "--without", AUTHORS[0]])
    with pytest.raises(SystemExit):
        train.main()
    assert "for the judge alone" in capsys.readouterr().err


def test_the_hashes_of_the_embedded_model_are_those_of_its_files():
    stored = json.loads((folders.MODEL / "hashes.json").read_text(encoding="utf-8"))
    assert export.hashes(folders.MODEL) == stored


def test_an_exported_autoencoder_does_not_tell_where_it_was_read():
    vae = autoencoder.load_autoencoder()
    assert "_name_or_path" in vae.config
    alike = export.nameless(vae)
    assert not alike.config.get("_name_or_path") and alike.config.scaling_factor == vae.config.scaling_factor
    pairs = zip(vae.state_dict().values(), alike.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_drawing_the_data_again_gives_the_committed_files(tmp_path, monkeypatch):
    monkeypatch.setattr(make_data, "DATA", tmp_path)
    make_data.main()
    for name in ("images", "benchmark"):
        drawn = {file.name for file in (tmp_path / name).iterdir()}
        assert drawn == {file.name for file in (folders.DATA / name).iterdir()}
        lines = [folder / name / "metadata.jsonl" for folder in (tmp_path, folders.DATA)]
        assert lines[0].read_text(encoding="utf-8") == lines[1].read_text(encoding="utf-8")
        for file in (tmp_path / name).glob("*mask.png"):
            stored = np.asarray(Image.open(folders.DATA / name / file.name))
            assert (np.asarray(Image.open(file)) != stored).mean() < 0.005, (
                file.name
            )  # another processor's rounding
