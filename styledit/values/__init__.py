"""Value inputs: what they are, presets, the optimiser of per-step unknowns, the fit, the mapping network."""

from styledit.values.fitting import ValueFit, fit_values
from styledit.values.inputs import ValueInputs
from styledit.values.mapping import MappingNetwork
from styledit.values.optimiser import FitState, FittingStopped
from styledit.values.presets import PRESETS, Preset, linear_guess

__all__ = [
    "PRESETS",
    "FitState",
    "FittingStopped",
    "MappingNetwork",
    "Preset",
    "ValueFit",
    "ValueInputs",
    "fit_values",
    "linear_guess",
]
