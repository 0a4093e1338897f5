"""What a run may minimise. An objective names the layers it needs and maps a run's state to a scalar."""

from styledit.objectives.attention import Regularisation, attention_l1, attention_l2, localisation, sparsity
from styledit.objectives.clip import ClipDirection, ClipSimilarity, clip_direction, clip_similarity
from styledit.objectives.critic import Adversarial, hinge_critic, hinge_generator
from styledit.objectives.pixels import L2, GramStyle, Perceptual, gram, gram_style, l2, perceptual
from styledit.objectives.state import Objective, ObjectiveState, WeightedSum, gradient

__all__ = [
    "L2",
    "Adversarial",
    "ClipDirection",
    "ClipSimilarity",
    "GramStyle",
    "Objective",
    "ObjectiveState",
    "Perceptual",
    "Regularisation",
    "WeightedSum",
    "attention_l1",
    "attention_l2",
    "clip_direction",
    "clip_similarity",
    "gradient",
    "gram",
    "gram_style",
    "hinge_critic",
    "hinge_generator",
    "l2",
    "localisation",
    "perceptual",
    "sparsity",
]
