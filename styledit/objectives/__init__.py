"""What a run may be pulled towards. An objective names the layers it needs and maps
a run's state to a scalar.
"""

from styledit.objectives.attention import Regularisation, attention_l1, attention_l2, localisation, sparsity
from styledit.objectives.state import Objective, ObjectiveState, WeightedSum, gradient

__all__ = [
    "Objective",
    "ObjectiveState",
    "Regularisation",
    "WeightedSum",
    "attention_l1",
    "attention_l2",
    "gradient",
    "localisation",
    "sparsity",
]
