"""Everything that the picture world has, and which part of it an edition of the model knows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

# word in the caption → name in the icon sets
ICONS = {
    "cat": "cat-face",
    "dog": "dog-face",
    "fox": "fox",
    "lion": "lion",
    "panda": "panda",
    "rabbit": "rabbit-face",
    "frog": "frog",
    "penguin": "penguin",
    "turtle": "turtle",
    "butterfly": "butterfly",
    "car": "automobile",
    "umbrella": "umbrella",
    "balloon": "balloon",
    "heart": "red-heart",
    "tulip": "tulip",
    "book": "closed-book",
    "rocket": "rocket",
    "house": "house",
    "hamburger": "hamburger",
    "donut": "doughnut",
    "strawberry": "strawberry",
    "mushroom": "mushroom",
    "cactus": "cactus",
    "sunflower": "sunflower",
    "owl": "owl",
    "duck": "duck",
    "whale": "spouting-whale",
    "crab": "crab",
    "fish": "fish",
    "elephant": "elephant",
    "horse": "horse",
    "train": "locomotive",
    "sailboat": "sailboat",
    "plane": "airplane",
    "castle": "castle",
    "guitar": "guitar",
    "clock": "alarm-clock",
    "pineapple": "pineapple",
    "carrot": "carrot",
    "cake": "birthday-cake",
    "pumpkin": "jack-o-lantern",
    "star": "star",
    "dress": "dress",
    "shirt": "t-shirt",
}
COLOURED = ("butterfly", "car", "umbrella", "balloon", "heart", "tulip", "book", "star", "dress", "shirt")
COLOURS = {"red": 0, "yellow": 25, "green": 62, "blue": 108, "purple": 140}  # OpenCV hue, 0–179
STYLES = {
    "sticker": "a plain sticker of",
    "watercolor": "a watercolor painting of",
    "sketch": "a pencil sketch of",
    "pixel": "a pixel picture of",
    "oil": "an oil painting of",
    "swirling": "a swirling painting of",
    "glass": "a stained glass window of",
    "mosaic": "a stone mosaic of",
    "comic": "a comic drawing of",
    "neon": "a neon sign of",
    "woodcut": "a woodcut print of",
    "blueprint": "a blueprint drawing of",
}
COLOURLESS = ("sketch", "woodcut", "blueprint")  # styles that show no colour
SCENIC = {
    "beach": "on the beach",
    "meadow": "in the meadow",
    "snow": "in the snow",
    "night": "in the night",
    "desert": "in the desert",
    "forest": "in the forest",
    "city": "in the city",
    "sea": "in the sea",
}
PLAIN = {"white": (250, 250, 250), "pink": (250, 178, 200), "teal": (105, 190, 186), "gray": (150, 152, 158)}
# The plain backgrounds that can be told in a style, where not all can.
PLAIN_IN = {"sketch": ("white",), "woodcut": ("white",), "neon": (), "blueprint": ()}
PLACES = {**SCENIC, **{name: f"on a {name} background" for name in PLAIN}}
SIZES = {"small": (0.36, 0.44), "big": (0.8, 0.9)}  # the drawing's side, in sides of the picture


@dataclass(frozen=True)
class Code:
    """The shape of an autoencoder whose latents have an eighth of the picture's side."""

    channels: int = 20  # of the latents; the first ones follow the patch PCA
    widths: tuple[int, ...] = (24, 48, 96, 192)  # of the blocks, from the picture to the latents


@dataclass(frozen=True)
class Edition:
    """What a model was trained on: words of the dictionaries above, and how often a scene has two things."""

    objects: tuple[str, ...] = tuple(ICONS)
    styles: tuple[str, ...] = tuple(STYLES)
    places: tuple[str, ...] = tuple(PLACES)
    sizes: tuple[str, ...] = tuple(SIZES)
    pairs: float = 0.35  # share of the scenes
    pictures: int = 60_000  # scenes whose latents the diffusion model is trained on
    code: Code = Code()

    @property
    def coloured(self) -> tuple[str, ...]:
        """The objects that come in every colour."""
        return tuple(word for word in self.objects if word in COLOURED)

    @property
    def slots(self) -> dict[str, list[str]]:
        """What can stand in each slot of a caption."""
        return {
            "style": [STYLES[style] for style in self.styles],
            "size": list(self.sizes),
            "colour": list(COLOURS),
            "thing": list(self.objects),
            "place": [PLACES[place] for place in self.places],
        }

    @property
    def words(self) -> list[str]:
        """Every word that a prompt may use, sorted."""
        phrases = [STYLES[style] for style in self.styles] + [PLACES[place] for place in self.places]
        phrases += [*self.objects, *COLOURS, *self.sizes, "an"] + (["and"] if self.pairs else [])
        return sorted(set(itertools.chain.from_iterable(phrase.split() for phrase in phrases)))


COMMITTED = Edition()  # of the weights in data/model
