"""The methods that the lab can edit with: the kit's own, the baselines, and functions of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import baselines
from styledit import validation as check
from styledit.baselines.masactrl import FIRST_LAYER as DEFAULT_LAYER
from styledit.baselines.masactrl import START as DEFAULT_START
from styledit.baselines.null_text import ITERATIONS as DEFAULT_ITERATIONS
from styledit.baselines.null_text import fitting_nulls
from styledit.baselines.plug_and_play import TAU_A as DEFAULT_TAU_A
from styledit.baselines.plug_and_play import TAU_F as DEFAULT_TAU_F
from styledit.denoising import State
from styledit.editing import Edit, Editor, Settings
from styledit.lab.edit import png_recipe
from styledit.lab.edit.keeping import MIB, drop_oldest
from styledit.lab.edit.png_recipe import PLAIN
from styledit.lab.edit.session import Prepared, lab_editor, states_kept

FOLLOW, VALUES = "following the source", "value inputs"  # the kit's own
DDIM, DIRECT, NEGATIVE, NULL_TEXT, SDEDIT = (
    "DDIM + P2P",
    "direct inversion",
    "negative-prompt",
    "null-text",
    "SDEdit",
)
FOLLOWED_NEGATIVE, PROXIMAL, H_EDIT_D, H_EDIT_R, EDIT_FRIENDLY, LEDITS, FLOW_EDIT, DDCM = (
    "negative-prompt, following",
    "proximal guidance",
    "h-Edit-D",
    "h-Edit-R",
    "edit-friendly",
    "LEDITS++",
    "FlowEdit",
    "DDCM",
)
MASACTRL, PLUG_AND_PLAY = "MasaCtrl", "Plug-and-Play"
SETTINGS = (*PLAIN, "mask")
LARGEST = 32 * MIB  # of the null-text fits that are kept
MethodFunction = Callable[[StableDiffusionPipeline, Any, str, dict[str, Any]], Edit]


@dataclass(frozen=True)
class Parameter:
    """A number that one method takes beside the settings, by a name that no other's has: from `least`
    to `most`, whole where `step` is; `default` where nothing is said; `values`: what a contact sheet begins
    with; `keyword`: the name that its call has for it, where several methods' calls have the same one.
    """

    name: str
    label: str
    hint: str
    least: float
    most: float
    step: float
    default: float
    values: tuple[float, ...]
    keyword: str = ""

    def checked(self, value: object) -> float:
        """A value in range.

        Raises:
            TypeError, ValueError: it is none.
        """
        if self.step == int(self.step):
            value = int(value) if isinstance(value, float) and value.is_integer() else value
            return check.whole(self.name, value, least=int(self.least), most=int(self.most))
        number = check.number(self.name, value)
        if not self.least <= number <= self.most:
            raise ValueError(
                f"{self.name} must lie between {self.least:g} and {self.most:g}, not {number:g}."
            )
        return number


@dataclass(frozen=True)
class Method:
    """What a method does, in a line; of each setting that it ignores, why; the parameters of its own; what
    settings that it ignores are set to; and whether each step of its edit takes the source's step along. What
    is ignored cannot change a bit of its picture.
    """

    name: str
    hint: str
    ignored: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    follows: bool = False

    def reads(self, name: str) -> bool:
        """Whether a setting or parameter of that name can change its picture."""
        own = any(parameter.name == name for parameter in self.parameters)
        return own or (name in SETTINGS and name not in self.ignored)

    def as_dict(self) -> dict[str, Any]:
        """The method as the page takes it."""
        return {
            "name": self.name,
            "hint": self.hint,
            "follows": self.follows,
            "ignored": dict(self.ignored),
            "parameters": [
                {name: value for name, value in asdict(parameter).items() if name != "keyword"}
                for parameter in self.parameters
            ],
        }

    def keywords(self, parameters: Mapping[str, float]) -> dict[str, float]:
        """Its parameters by the names that its call has for them."""
        known = {each.name: each.keyword or each.name for each in self.parameters}
        return {known[name]: value for name, value in parameters.items()}


def _without_values(name: str) -> dict[str, str]:
    why = f"{name} has no value inputs."
    return dict.fromkeys(("tau_v", "tau_v_changed", "tau_v_padding", "tau_v_words"), why)


NO_MAPS: Mapping[str, Any] = {"tau_c": 0.0, "tau_s": 0.0, "tau_u": 0.0, "tau_c_words": {}}


def _without_maps(name: str) -> dict[str, str]:
    why = f"{name} takes over none of Prompt-to-Prompt's maps."
    return _without_values(name) | dict.fromkeys((*NO_MAPS, "reweight"), why)


STRENGTH = Parameter(
    "strength",
    "Strength",
    "Share of the steps that are denoised again: higher changes more, and keeps less of the picture.",
    0.1, 1.0, 0.05, 0.6, (0.2, 0.4, 0.6, 0.8, 1.0),
)  # fmt: skip
SEED = Parameter(
    "seed", "Seed", "Another number lays other noise over the picture.", 0, 99, 1, 0, (0, 1, 2, 3)
)
ITERATIONS = Parameter(
    "iterations",
    "Iterations",
    "How often the empty prompt's embedding is improved at each step: more keep the picture better, and take "
    "longer to fit.",
    1, 50, 1, DEFAULT_ITERATIONS, (1, 5, 10, 20),
)  # fmt: skip
START = Parameter(
    "start",
    "From step",
    "Share of the steps before the edit looks into the source: later lets its layout go further away.",
    0.0, 1.0, 0.02, DEFAULT_START, (0.0, 0.08, 0.2, 0.4, 0.6),
)  # fmt: skip
LAYER = Parameter(
    "first_layer",
    "From layer",
    "Share of the network's layers before the edit looks into the source: earlier keeps more of the picture.",
    0.0, 1.0, 0.025, DEFAULT_LAYER, (0.0, 0.4, 0.625, 0.8),
)  # fmt: skip
TAU_F = Parameter(
    "tau_f",
    "Features",
    "Share of the steps at which the source's coarse features are the edit's: more keeps the layout.",
    0.0, 1.0, 0.05, DEFAULT_TAU_F, (0.0, 0.4, 0.6, 0.8, 1.0),
)  # fmt: skip
TAU_A = Parameter(
    "tau_a",
    "Decoder's maps",
    "Share of the steps at which the edit's pixels look at each other as the source's do, in the decoder.",
    0.0, 1.0, 0.05, DEFAULT_TAU_A, (0.0, 0.3, 0.5, 0.8, 1.0),
)  # fmt: skip


def _skip(name: str, default: float) -> Parameter:
    return Parameter(
        name,
        "Skipped",
        "Share of the steps at which the edit is still the source: more keeps more of the picture.",
        0.0, 0.9, 0.05, default, (0.0, 0.2, 0.4, 0.6), "skip",
    )  # fmt: skip


def _noise(name: str) -> Parameter:
    return Parameter(
        name, "Noise", "Another number draws other noise over the picture.", 0, 99, 1, 0, (0, 1, 2, 3), "seed"
    )


def _reference(name: str) -> Parameter:
    return Parameter(
        name,
        "Away from the source",
        "How strongly guidance leads away from the source prompt: nearer to the guidance keeps more of the "
        "picture.",
        0.0, 15.0, 0.5, 5.0, (1.0, 2.0, 3.0, 5.0), "reference_guidance",
    )  # fmt: skip


QUANTILE = Parameter(
    "proximal_quantile",
    "Left out",
    "Share of the differences between the prompts, the smallest, that are no edit.",
    0.0, 0.95, 0.05, 0.7, (0.0, 0.5, 0.7, 0.9), "quantile",
)  # fmt: skip
PULL = Parameter(
    "inversion_guidance",
    "Pull",
    "How far the latents move back to the inversion's where nothing is edited, in the last steps.",
    0.0, 1.0, 0.1, 0.1, (0.0, 0.1, 0.5, 1.0),
)  # fmt: skip
MASKED = Parameter(
    "masked_quantile",
    "Left out",
    "Share of the picture, where the new words look least, in which guidance does nothing.",
    0.0, 0.95, 0.05, 0.9, (0.5, 0.7, 0.8, 0.9), "quantile",
)  # fmt: skip
SCALE = Parameter(
    "mask_scale",
    "Map's scale",
    "How much coarser than the latents the maps are that say where the new words look.",
    1, 4, 1, 2, (1, 2, 4), "scale",
)  # fmt: skip
STEPWISE = Parameter(
    "source_guidance",
    "Guidance of the source",
    "How strongly the source prompt is guided: near the target's, less of the picture changes.",
    0.0, 15.0, 0.5, 1.0, (0.0, 1.0, 2.0, 3.5),
)  # fmt: skip
# What makes the editors of those whose target follows the source, by its latents or inside the network, and
# what their calls are always given.
FOLLOWING: dict[str, tuple[str, dict[str, Any]]] = {
    FOLLOWED_NEGATIVE: ("negative_prompt_editor", {"follow": True}),
    PROXIMAL: ("proximal_editor", {}),
    H_EDIT_D: ("h_edit_editor", {"random": False}),
    MASACTRL: ("masactrl_editor", {}),
    PLUG_AND_PLAY: ("plug_and_play_editor", {}),
    H_EDIT_R: ("h_edit_editor", {}),
    EDIT_FRIENDLY: ("edit_friendly_editor", {}),
    LEDITS: ("ledits_pp_editor", {}),
    FLOW_EDIT: ("flow_edit_editor", {}),
    DDCM: ("ddcm_editor", {"steps": None}),
}


def _always_from_source(name: str) -> dict[str, str]:
    return _without_values(name) | {"guide_from_source": f"{name} always guides from the source."}


TABLE = {
    method.name: method
    for method in (
        Method(
            FOLLOW,
            "Each step follows the source's path and adds what the prompts differ in; nothing is learned.",
            dict.fromkeys(_without_values(FOLLOW), "Without a fit there are no value inputs."),
            follows=True,
        ),
        Method(
            VALUES,
            "Value inputs are learned once, so that they keep the picture; then Prompt-to-Prompt edits it.",
        ),
        Method(
            DDIM,
            "Prompt-to-Prompt on the inverted picture as it is: nothing is learned, and the picture drifts.",
            _without_values(DDIM),
        ),
        Method(
            DIRECT,
            "At every step the source is put back to where the inversion was, so that it comes back exactly.",
            _without_values(DIRECT),
        ),
        Method(
            NEGATIVE,
            "The source prompt takes the empty prompt's place, so guidance changes nothing of the source.",
            _always_from_source(NEGATIVE),
        ),
        Method(
            NULL_TEXT,
            "The empty prompt's embedding is learned at each step, so that the source comes back.",
            _without_values(NULL_TEXT),
            (ITERATIONS,),
        ),
        Method(
            MASACTRL,
            "The edit's pixels look into the source and take what they find there: poses change, looks stay.",
            _without_maps(MASACTRL),
            (START, LAYER),
            NO_MAPS,
        ),
        Method(
            PLUG_AND_PLAY,
            "The source's coarse features and self-attention are the edit's: the layout stays, looks change.",
            _without_maps(PLUG_AND_PLAY),
            (TAU_F, TAU_A),
            NO_MAPS,
        ),
        Method(
            FOLLOWED_NEGATIVE,
            "Negative-prompt, and what keeps the source on the picture at each step keeps the edit near it.",
            _always_from_source(FOLLOWED_NEGATIVE),
            follows=True,
        ),
        Method(
            PROXIMAL,
            "Negative-prompt, and small differences between what the two prompts say are no edit.",
            _always_from_source(PROXIMAL),
            (QUANTILE, PULL),
        ),
        Method(
            H_EDIT_D,
            "Each step first brings the source back, then edits where that leads; on the inverted picture.",
            _without_values(H_EDIT_D),
            (_reference("h_edit_d_reference"),),
            follows=True,
        ),
        Method(
            H_EDIT_R,
            "Each step first brings the source back, then edits where that leads; on the noised picture.",
            _without_values(H_EDIT_R),
            (_reference("h_edit_r_reference"), _noise("h_edit_noise")),
            follows=True,
        ),
        Method(
            EDIT_FRIENDLY,
            "The picture under a noise of its own at each step; the edit draws what the source would have.",
            _without_values(EDIT_FRIENDLY),
            (_skip("edit_friendly_skip", 0.36), _noise("edit_friendly_noise")),
            follows=True,
        ),
        Method(
            LEDITS,
            "Edit-friendly noise without the source prompt; guidance acts where the new words look and it is "
            "large.",
            _without_values(LEDITS),
            (MASKED, SCALE, _noise("ledits_noise")),
            follows=True,
        ),
        Method(
            FLOW_EDIT,
            "No inversion: the picture moves by what the prompts differ in, under a new noise at each step.",
            _without_values(FLOW_EDIT),
            (_skip("flow_edit_skip", 0.34), STEPWISE, _noise("flow_edit_noise")),
            follows=True,
        ),
        Method(
            DDCM,
            "No inversion: each step guesses the whole edit under fresh noise, and the next begins from it.",
            _without_values(DDCM),
            (_noise("ddcm_noise"),),
            follows=True,
        ),
        Method(
            SDEDIT,
            "Noise is laid over the picture, and the target prompt takes it away again.",
            dict.fromkeys(
                (name for name in SETTINGS if name != "guidance"),
                f"{SDEDIT} uses no maps, value inputs or masks.",
            ),
            (STRENGTH, SEED),
        ),
    )
}
BASELINES = tuple(name for name in TABLE if name not in (FOLLOW, VALUES))


def names(own: Mapping[str, MethodFunction]) -> list[str]:
    """All methods by name, the kit's first."""
    return [*TABLE, *own]


def named(name: str) -> Method:
    """A method by name; one that the lab does not know, such as a user's function, may read every setting."""
    return TABLE.get(name) or Method(name, "")


def as_dicts(own: Mapping[str, MethodFunction], by_rule: bool = True) -> list[dict[str, Any]]:
    """All methods as the page takes them; a user's function says of itself what its docstring begins with.

    Args:
        by_rule: whether the model has a rule of its own by which edits follow.
    """
    hints = {name: (inspect.getdoc(function) or "").split("\n")[0] for name, function in own.items()}
    users = [Method(name, hint or "A function of your own.") for name, hint in hints.items()]
    first, *others = TABLE.values()
    return [method.as_dict() for method in (replace(first, follows=by_rule), *others, *users)]


def read_settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some settings that can change a method's picture."""
    ignored = named(name).ignored
    return {setting: value for setting, value in settings.items() if setting not in ignored}


def keywords_of(name: str, settings: Settings) -> dict[str, Any]:
    """Settings as keywords of a method's editor."""
    return png_recipe.keywords(settings) | dict(named(name).fixed)


def parameters_of(name: str, given: Mapping[str, Any]) -> dict[str, float]:
    """A method's own parameters: those given, its defaults for the rest. Others' are left out.

    Raises:
        TypeError, ValueError: a value that is none, or out of range.
    """
    return {
        parameter.name: parameter.checked(given.get(parameter.name, parameter.default))
        for parameter in named(name).parameters
    }


def making_editor(
    name: str,
    pipe: StableDiffusionPipeline,
    prepared: Prepared,
    parameters: Mapping[str, float],
    nulls: dict[int, torch.Tensor],
) -> Generator[State, None, Editor | None]:
    """The editor of a method other than `FOLLOW` as a run; None of a method that is none of the editor's.

    Args:
        prepared: with its value inputs, where the method is `VALUES`.
        parameters: the method's own, all of them.
        nulls: learned null embeddings by their number of iterations; a fit joins them.
    """
    inversion, guidance = prepared.inversion, prepared.guidance
    if name == VALUES:
        return lab_editor(pipe, inversion, values=prepared.values)
    if name == NULL_TEXT:
        iterations = int(parameters[ITERATIONS.name])
        if iterations not in nulls:
            fit = yield from fitting_nulls(pipe, inversion, guidance, iterations)
            nulls[iterations] = fit.embeddings
            drop_oldest(nulls, lambda embeddings: embeddings.nbytes, LARGEST)
        return lab_editor(pipe, inversion, guidance=guidance, null_embeddings=nulls[iterations])
    if name in FOLLOWING:
        function, fixed = FOLLOWING[name]
        own = fixed | TABLE[name].keywords(parameters)
        editor: Editor = getattr(baselines, function)(pipe, inversion, guidance=guidance, **own)
        editor.history = states_kept(inversion)
        return editor
    options: dict[str, dict[str, Any]] = {
        DDIM: {"rule": None},
        DIRECT: {"follow_inversion": True},
        NEGATIVE: {"null_embeddings": inversion.c},
    }
    return lab_editor(pipe, inversion, guidance=guidance, **options[name]) if name in options else None


def editor_code(name: str, prepared: Prepared, parameters: Mapping[str, float]) -> list[str] | None:
    """Lines of code that make the editor of a method; None of a method that is none of the editor's.

    Args:
        parameters: the method's own, all of them.
    """
    if name == FOLLOW and prepared.editor.rule is None:
        name = DIRECT
    given = f"pipe, inversion, guidance={prepared.guidance!r}"
    own = "".join(f", {parameter}={value!r}" for parameter, value in parameters.items())
    if name in FOLLOWING:
        function, fixed = FOLLOWING[name]
        keywords = fixed | TABLE[name].keywords(parameters)
        own = "".join(f", {keyword}={value!r}" for keyword, value in keywords.items())
        return [f"editor = styledit.baselines.{function}({given}{own})"]
    codes = {
        FOLLOW: ["editor = styledit.Editor(pipe, inversion)"],
        VALUES: ["editor = styledit.Editor(pipe, inversion, values=values)"],
        DDIM: [f"editor = styledit.Editor({given}, rule=None)"],
        DIRECT: [f"editor = styledit.Editor({given}, follow_inversion=True)"],
        NEGATIVE: [f"editor = styledit.Editor({given}, null_embeddings=inversion.c)"],
        NULL_TEXT: [
            f"nulls = styledit.baselines.fit_nulls({given}{own})",
            f"editor = styledit.Editor({given}, null_embeddings=nulls.embeddings)",
        ],
    }
    return codes.get(name)


def checked(methods: Mapping[str, MethodFunction] | None) -> dict[str, MethodFunction]:
    """A user's own methods by name.

    Raises:
        TypeError: they are no functions of four arguments by name.
        ValueError: a name that one of the lab's methods has.
    """
    if methods is None:
        return {}
    if not isinstance(methods, Mapping):
        raise TypeError("methods must be a dict {name: function(pipe, inversion, target_prompt, settings)}.")
    for name, function in methods.items():
        if str(name) in TABLE:
            raise ValueError(f"The lab has a method {name!r} already; give yours another name.")
        try:
            inspect.signature(function).bind(None, None, "", {})
        except (TypeError, ValueError):
            raise TypeError(
                f"The method {name!r} must be a function of four arguments: (pipe, inversion, target_prompt, "
                "settings)."
            ) from None
    return {str(name): function for name, function in methods.items()}


def run_function(
    function: MethodFunction,
    pipe: StableDiffusionPipeline,
    prepared: Prepared,
    target: str,
    settings: Settings,
) -> Edit:
    """A user's function on one picture.

    Raises:
        ValueError: it raised, or gave something that is no `Edit`.
    """
    keywords = deepcopy({name: getattr(settings, name) for name in PLAIN})
    if settings.mask is not None:
        keywords["mask"] = settings.mask
    try:
        edit = function(pipe, prepared.inversion, target, keywords)
    except (Exception, SystemExit) as error:
        raise ValueError(f"The method raised {type(error).__name__}: {error}") from error
    if not isinstance(edit, Edit):
        raise ValueError(f"The method must return a styledit.Edit, not {type(edit).__name__}.")
    for name in ("image", "reconstruction"):
        picture = getattr(edit, name)
        if not isinstance(picture, Image.Image) or picture.size != prepared.picture.size:
            raise ValueError(
                f"The method's Edit must have a picture of {prepared.picture.width}×"
                f"{prepared.picture.height} as its {name}."
            )
    return edit
