"""The EditLab's methods: what each reads, and what it takes of its own; contact sheets of any two things."""

from __future__ import annotations

import csv
import io
import json
import random

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import styledit
from styledit import baselines
from styledit.lab import open_png
from styledit.lab.edit import png_recipe
from styledit.lab.edit.cache import FitCache
from styledit.lab.edit.guided import Guiding
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.methods import (
    BASELINES,
    FOLLOW,
    FOLLOWING,
    NULL_TEXT,
    SDEDIT,
    SETTINGS,
    TABLE,
    VALUES,
    parameters_of,
)
from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.session import Prepared, Source, states_kept
from styledit.lab.edit.sheet import MOST_TILES
from styledit.lab.edit.sheet_axes import AXES
from test_edit_lab import (  # noqa: F401 (fixtures)
    PROMPT,
    TARGET,
    axis,
    decoded,
    edit,
    opened,
    own_cache,
    say,
    shown,
)

DRAWS = 8  # pairs after which a setting that changed nothing counts as one that is not read
CHOICES = {
    "guidance": (1.5, 3.0, 7.5),
    "tau_v": (0.0, 0.5, 1.0),
    "tau_v_changed": (None, 0.2, 1.0),
    "tau_v_padding": (None, 0.2, 1.0),
    "tau_v_words": ({}, {"blue": 0.0}, {"car": 1.0}),
    "tau_c": (0.0, 0.6, 1.0),
    "tau_s": (0.0, 0.6, 1.0),
    "tau_u": (0.0, 0.6, 1.0),
    "guide_from_source": (False, True),
    "keep_details": (False, True),
    "tau_c_words": ({}, {"blue": 0.0}, {"car": 1.0}),
    "reweight": ({}, {"car": 3.0}),
    "blend": ([], ["car"]),
    "blend_threshold": (0.5, 0.97, 1.0),  # the tiny network's maps are nearly even
    "mask": (None, {"width": 4, "height": 2, "rows": ["1100", "0000"]}),
    "strength": (0.4, 0.8),
    "seed": (0, 3),
    "iterations": (1, 3),
    "proximal_quantile": (0.0, 0.7),
    "inversion_guidance": (0.0, 0.5),
    "h_edit_d_reference": (1.0, 4.0),
    "h_edit_r_reference": (1.0, 4.0),
    "h_edit_noise": (0, 1),
    "edit_friendly_skip": (0.2, 0.4),
    "edit_friendly_noise": (0, 1),
    "masked_quantile": (0.3, 0.6),
    "mask_scale": (1, 2),
    "ledits_noise": (0, 1),
    "flow_edit_skip": (0.2, 0.4),
    "source_guidance": (1.0, 3.0),
    "flow_edit_noise": (0, 1),
    "ddcm_noise": (0, 1),
    "start": (0.0, 0.4, 0.8),
    "first_layer": (0.0, 0.5, 0.8),
    "tau_f": (0.0, 0.4, 1.0),
    "tau_a": (0.0, 0.4, 1.0),
}


@pytest.fixture(scope="module")
def maker(ruled64, inversion64, tmp_path_factory) -> EditMaker:
    source = Source("upload", "mine", PROMPT, inversion64.steps, inversion64.image)
    prepared = Prepared.of(ruled64, source, inversion64, None, found=False)
    cache = FitCache(tmp_path_factory.mktemp("fits"))
    return EditMaker(ruled64, prepared, {}, Guiding(ruled64, lambda _: None), cache)


def finished(run):
    """The result of a run."""
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def drawn(draw: random.Random, name: str) -> EditRequest:
    """A request with every setting and parameter at random."""
    settings = {setting: draw.choice(CHOICES[setting]) for setting in SETTINGS}
    own = {each.name: draw.choice(CHOICES[each.name]) for each in TABLE[name].parameters}
    return EditRequest(0, False, TARGET, settings, name, parameters=own)


def changed(draw: random.Random, request: EditRequest, name: str) -> EditRequest:
    """The same with another value of one thing."""
    in_settings = name in SETTINGS
    known = dict(request.settings if in_settings else request.parameters)
    known[name] = draw.choice([value for value in CHOICES[name] if value != known.get(name)])
    parts = (known, request.parameters) if in_settings else (request.settings, known)
    return EditRequest(0, False, TARGET, parts[0], request.method, parameters=parts[1])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in FOLLOWING)) for name in TABLE]
)
def test_what_a_method_is_said_to_read_and_nothing_else_changes_its_picture(maker, name) -> None:
    """A random walk: every pair of requests that differ in one thing."""
    draw = random.Random(name)

    def made(request: EditRequest) -> tuple[bytes, bytes]:
        """Latents and picture: some settings act on the one, some on the other alone."""
        edit = finished(maker.make(request, maker.settings(request))).edit
        return edit.latents[-1].numpy().tobytes(), edit.image.tobytes()

    method = TABLE[name]
    for thing in (*SETTINGS, *(parameter.name for parameter in method.parameters)):
        for _ in range(DRAWS if method.reads(thing) else 2):
            request = drawn(draw, name)
            if thing.startswith("blend"):
                request.settings.update(blend=["car"], blend_threshold=1.0, mask=None)
            other = changed(draw, request, thing)
            assert (request.key == other.key) != method.reads(thing), thing
            differs = made(request) != made(other)
            assert method.reads(thing) or not differs, thing
            if differs:
                break
        else:
            assert not method.reads(thing), thing


def test_every_methods_editor_keeps_the_states_of_some_edits_only(maker) -> None:
    names = [name for name in TABLE if maker.has_editor(name)]
    editors = [finished(maker.editor(name, parameters_of(name, {"iterations": 1}))) for name in names]
    assert len(editors) > 5
    assert {editor.history for editor in editors} == {states_kept(maker.prepared.inversion)}


def test_the_parameters_of_two_methods_have_different_names() -> None:
    names = [parameter.name for method in TABLE.values() for parameter in method.parameters]
    assert len(set(names)) == len(names) and not set(names) & set(SETTINGS)
    for method in TABLE.values():
        assert parameters_of(method.name, {}) == {each.name: each.default for each in method.parameters}


def test_the_page_says_1_for_a_whole_number() -> None:
    def key(tau: float, strength: float) -> str:
        return EditRequest(1, False, TARGET, {"guidance": tau}, SDEDIT, parameters={"strength": strength}).key

    assert key(1, 1) == key(1.0, 1.0) != key(1.0, 0.9)


def test_what_a_method_ignores_is_not_computed_again(opened) -> None:  # noqa: F811
    lab = opened()
    edit(lab, 2, method=SDEDIT)
    made, entries = lab.shown.edit, len(lab.history)
    edit(lab, 3, method=SDEDIT, tau_c=0.1, tau_v=1.0, blend=["car"])
    assert lab.shown.edit is made and len(lab.history) == entries
    assert lab.target["settings"]["tau_c"] == 0.1  # for the next method
    edit(lab, 4, method=SDEDIT, guidance=4.0)
    assert lab.shown.edit is not made
    assert lab.frame["step_states"][0] == {"state": "skipped", "switches": {}}
    edit(lab, 5, method="DDIM + P2P")
    assert "tau_v" not in lab.frame["step_states"][0]["switches"]


def test_a_methods_own_parameters_go_everywhere(opened) -> None:  # noqa: F811
    lab = opened()
    own = {"strength": 0.4, "seed": 3, "iterations": 2}  # of all methods, as the page has them
    edit(lab, 2, method=SDEDIT, parameters=own)
    plain = baselines.sdedit(
        lab.pipe, lab.prepared.inversion, TARGET, strength=0.4, seed=3, progress=False,
        guidance=lab.target["settings"]["guidance"],
    )  # fmt: skip
    assert np.array_equal(shown(lab), np.asarray(plain.image))
    assert lab.target["parameters"] == lab.history[-1]["parameters"] == {"strength": 0.4, "seed": 3}
    pictures = {SDEDIT: (lab.history[-1]["id"], shown(lab))}
    edit(lab, 3, method=NULL_TEXT, parameters=own)
    guidance = lab.prepared.guidance
    nulls = baselines.fit_nulls(
        lab.pipe, lab.prepared.inversion, guidance=guidance, iterations=2, progress=False
    )
    settings = png_recipe.from_dict(lab.target["settings"])
    for name in ("tau_v", "tau_v_changed", "tau_v_padding", "tau_v_words"):
        settings.pop(name)
    plain = baselines.null_text(
        lab.pipe, lab.prepared.inversion, TARGET, nulls=nulls, progress=False, **settings
    )
    assert np.array_equal(shown(lab), np.asarray(plain.image))
    pictures[NULL_TEXT] = (lab.history[-1]["id"], shown(lab))
    for number, (entry, picture) in enumerate(pictures.values()):
        say(lab, "recall", id=entry, request=10 + number)
        assert np.array_equal(shown(lab), picture)
        start = lab.code.index("inversion = ")
        scope = {"styledit": styledit, "pipe": lab.pipe, "picture": lab.prepared.picture}
        exec(lab.code[start:], scope)
        assert np.array_equal(np.asarray(scope["edit"].image), picture)
        say(lab, "save")
        say(lab, "open", lab.saved["data"], id=20 + number)
        assert np.array_equal(shown(lab), picture) and lab.target["parameters"], lab.problem
    lab.snapshot()


def test_files_of_earlier_versions_open(opened) -> None:  # noqa: F811
    lab = opened()
    edit(lab, 2, method="negative-prompt")
    picture = shown(lab)
    say(lab, "save")
    good = Image.open(io.BytesIO(lab.saved["data"]))
    about = json.loads(good.info["styledit"]) | {"method": "negative prompt"}
    del about["parameters"]
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("styledit", json.dumps(about), zip=True)
    for name, data, *_ in good.private_chunks:
        chunks.add(name, data)
    buffer = io.BytesIO()
    good.save(buffer, "PNG", pnginfo=chunks)
    assert open_png(buffer.getvalue()).method == "negative-prompt"
    say(lab, "open", buffer.getvalue(), id=3)
    assert lab.target["method"] == "negative-prompt" and "differ" not in lab.source["note"]
    assert np.array_equal(shown(lab), picture)


def test_a_function_of_the_users_says_what_it_is_and_has_a_name_of_its_own(opened) -> None:  # noqa: F811
    def mine(pipe, inversion, target_prompt, settings):
        """Mine in a line.

        And more.
        """

    lab = opened(methods={"mine": mine, "other": lambda pipe, inversion, target, settings: None})
    assert [each["hint"] for each in lab.world["methods"][-2:]] == [
        "Mine in a line.",
        "A function of your own.",
    ]
    with pytest.raises(ValueError, match="has a method 'SDEdit' already"):
        opened(methods={"SDEdit": mine})


# --- contact sheets ---------------------------------------------------------------------------------


def of_library(lab, tile) -> np.ndarray:
    """What the library's own calls make of a tile's request."""
    request, inversion = tile.request, lab.prepared.inversion
    settings = png_recipe.from_dict(png_recipe.as_dict(tile.settings))
    common = {"progress": False, "guidance": settings.pop("guidance")}
    own = parameters_of(request.method, request.parameters)
    if request.method in (FOLLOW, VALUES):
        values = lab.prepared.values if request.method == VALUES else None
        editor = styledit.Editor(lab.pipe, inversion, values=values)
        return np.asarray(editor.edit(request.prompt, **common, **settings).image)
    if request.method == SDEDIT:
        return np.asarray(baselines.sdedit(lab.pipe, inversion, request.prompt, **own, **common).image)
    guidance = lab.prepared.guidance
    if request.method in FOLLOWING:
        name, fixed = FOLLOWING[request.method]
        own = fixed | TABLE[request.method].keywords(own)
        editor = getattr(baselines, name)(lab.pipe, inversion, **own)
        settings |= TABLE[request.method].fixed
        return np.asarray(editor.edit(request.prompt, **common, **settings).image)
    options = {
        "direct inversion": {"follow_inversion": True},
        "negative-prompt": {"null_embeddings": inversion.c},
    }.get(request.method, {})
    if own:
        fit = baselines.fit_nulls(lab.pipe, inversion, guidance=guidance, progress=False, **own)
        options = {"null_embeddings": fit.embeddings}
    editor = styledit.Editor(lab.pipe, inversion, guidance=guidance, rule=None, **options)
    return np.asarray(editor.edit(request.prompt, **common, **settings).image)


def drawn_axis(draw: random.Random, name: str) -> dict:
    """Some values of an axis."""
    kind = AXES[name]
    known = {
        "method": [FOLLOW, VALUES, *BASELINES],
        "prompt": [TARGET, "a blue car on the beach", "a red fox in the snow"],
        "switch": ["yes", "no"],
        "words": ["none", "car", "car + snow"],
    }
    values = known.get(kind.kind) or [1, 2, 3] if kind.whole else known.get(kind.kind, kind.values)
    return axis(name, *draw.sample(list(values), 2), word="car" if kind.by_word else "")


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in range(1, 6))])
def test_each_tile_is_what_the_library_makes(opened, seed) -> None:  # noqa: F811
    """Of random axes around a random edit, by hand or automatic."""
    draw = random.Random(seed)
    lab = opened()
    if seed % 2:
        changes = {
            "tau_c": 0.3,
            "reweight": {"blue": 2.0},
            "blend": ["snow"],
            "mask": draw.choice(CHOICES["mask"]),
        }
        edit(lab, 2, method=draw.choice([FOLLOW, VALUES, *BASELINES]), **changes)
    method = lab.target["method"]
    own = [name for name in AXES if name in ("method", "prompt") or TABLE[method].reads(name)]
    others = [None, *(name for name in AXES if name != "method")]
    names = draw.sample(own, 2) if draw.random() < 0.6 else ["method", draw.choice(others)]
    draw.shuffle(names)
    axes = [None if name is None else drawn_axis(draw, name) for name in names]
    for given, other in (axes, axes[::-1]):
        if given and other and given["name"] == "method" and other["name"] != "prompt":
            given["values"][0] = draw.choice([each for each in TABLE if TABLE[each].reads(other["name"])])
    rows, columns = axes
    say(lab, "sheet", id=3, rows=rows, columns=columns)
    assert not lab.problem and len(lab.sheet["tiles"]) >= 2
    (sheet,) = lab.display.sheets.kept
    source = np.asarray(lab.prepared.picture)
    for tile, told in zip(sheet.tiles, lab.sheet["tiles"], strict=True):
        assert np.array_equal(decoded(tile.picture), of_library(lab, tile)), (tile.request, tile.settings)
        assert told["exact"] and told["psnr"] == pytest.approx(
            styledit.metrics.psnr(Image.fromarray(decoded(tile.picture)), Image.fromarray(source))
        )
        say(lab, "tile", sheet=3, row=tile.row, column=tile.column)
        assert lab.tile["picture"] == tile.picture
    # A tile that is taken is the edit that the lab shows.
    told = draw.choice(lab.sheet["tiles"])
    asked = {name: told[name] for name in ("prompt", "settings", "method", "parameters", "auto")}
    asked["settings"] = told["settings"] | {"mask": lab.sheet["mask"]}
    say(lab, "edit", id=4, moving=False, **asked)
    say(lab, "tile", sheet=3, row=told["row"], column=told["column"])
    assert np.array_equal(shown(lab), decoded(lab.tile["picture"]))


def test_prompts_have_their_suggested_settings_where_the_edit_is_automatic(embedded, tmp_path) -> None:
    from styledit.lab import edit_lab
    from test_edit_lab import settle

    lab = edit_lab(embedded, steps=4)
    settle(lab)
    prompts = ["a pencil sketch of a fox", "a plain sticker of a blue fox"]
    say(lab, "sheet", id=2, rows=axis("prompt", *prompts), columns=axis("tau_c", 0.5))
    editor = lab.prepared.editor
    for tile, prompt in zip(lab.sheet["tiles"], prompts, strict=True):
        wanted = png_recipe.as_dict(editor.suggest(prompt)) | {"tau_c": 0.5}
        assert {**tile["settings"], "guidance": None} == {**wanted, "guidance": None} and not tile["auto"]
    say(lab, "sheet", id=3, rows=axis("prompt", *prompts), columns=None)
    assert all(tile["auto"] for tile in lab.sheet["tiles"])
    lab.close()


def test_sheets_are_kept_and_exported(opened) -> None:  # noqa: F811
    lab = opened()
    seen = []
    lab.observe(lambda change: seen.append(change.new), "sheet")
    say(lab, "sheet", id=2, rows=axis("tau_c", 0, 1), columns=axis("method", FOLLOW, SDEDIT))
    first = lab.sheet
    assert first["rows"] == ["tau_c 0", "tau_c 1"] and first["columns"] == [FOLLOW, SDEDIT]
    same = [tile["picture"] for tile in first["tiles"] if tile["method"] == SDEDIT]
    assert same[0] == same[1]  # it ignores tau_c
    say(lab, "sheet", id=3, rows=axis("guidance", 1, 3), columns=None)
    assert [known["id"] for known in lab.sheets] == [2, 3] and lab.sheet["id"] == 3
    say(lab, "show_sheet", id=2)
    assert lab.sheet == first
    say(lab, "export", id=4, sheet=2, kind="csv")
    table = list(csv.DictReader(io.StringIO(lab.exported["data"].decode())))
    assert [(line["row"], line["column"]) for line in table] == [
        (row, column) for row in first["rows"] for column in first["columns"]
    ]
    assert table[0]["tau_c"] == "0.0" and table[1]["tau_c"] == "" and table[1]["strength"] == "0.6"
    assert float(table[0]["psnr_to_source_db"]) == pytest.approx(first["tiles"][0]["psnr"], abs=1e-3)
    say(lab, "export", id=5, sheet=2, kind="png")
    assert lab.exported["id"] == 5 and lab.exported["name"].endswith(".png")
    page = decoded(lab.exported["data"])
    tile = np.kron(decoded(lab.display.sheets.find(2).tiles[3].picture), np.ones((8, 8, 1), np.uint8))
    assert np.array_equal(page[-6 - 256 : -6, -6 - 256 : -6], tile)
    say(lab, "export", id=6, sheet=2, kind="pdf")
    assert "png or csv" in lab.problem
    source = {"kind": "seed", "seed": 4, "prompt": PROMPT, "steps": 3}
    say(lab, "source", id=7, **source)
    assert lab.sheet == {} and lab.sheets == []
    say(lab, "recall", id=1, request=8)
    assert lab.sheet["id"] == 3 and len(lab.sheets) == 2
    for number in range(9, 15):
        say(lab, "sheet", id=number, rows=axis("guidance", 2), columns=None)
    assert [known["id"] for known in lab.sheets] == list(range(9, 15))


def test_a_challenges_sheet_knows_the_truth(embedded, tmp_path) -> None:
    from styledit.lab import edit_lab
    from test_edit_lab import settle

    lab = edit_lab(embedded, steps=4)
    settle(lab)
    challenge = next(iter(lab.display.scores.challenges.values()))
    say(lab, "source", id=2, kind="challenge", name=challenge.name, prompt=challenge.prompt, steps=4)
    say(lab, "sheet", id=3, rows=axis("tau_c", 0, 1), columns=None)
    (sheet,) = lab.display.sheets.kept
    for tile in sheet.tiles:
        picture = Image.fromarray(decoded(tile.picture))
        assert tile.truth_psnr == styledit.metrics.psnr(picture, challenge.truth)
        assert tile.succeeded in (True, False) and tile.seconds > 0
    say(lab, "export", id=4, sheet=3, kind="csv")
    assert ",change_seen,seconds\n" in lab.exported["data"].decode()
    lab.close()


def test_an_edit_goes_first_and_a_sheet_goes_on(opened) -> None:  # noqa: F811
    lab = opened()
    rows, columns = axis("tau_c", 0, 0.5, 1), axis("tau_s", 0, 0.5, 1)
    begun = []
    lab.observe(lambda change: begun.append(change.new.get("id")), "sheet")
    say(lab, "sheet", id=5, rows=rows, columns=columns, wait=False)
    while 5 not in begun:
        pass
    edit(lab, 6, tau_c=0.7)
    assert lab.frame["id"] == 6 and all(tile["exact"] for tile in lab.sheet["tiles"])
    assert len(lab.sheet["tiles"]) == 9 <= MOST_TILES


def test_a_tile_that_fails_stays_empty(opened) -> None:  # noqa: F811
    def broken(pipe, inversion, target_prompt, settings):
        raise RuntimeError("no")

    lab = opened(methods={"broken": broken})
    say(lab, "sheet", id=2, rows=axis("method", FOLLOW, "broken"), columns=None)
    assert [tile["picture"] is None for tile in lab.sheet["tiles"]] == [False, True]
    assert "raised RuntimeError" in lab.problem
    say(lab, "export", id=3, sheet=2, kind="png")
    assert lab.exported["data"]
