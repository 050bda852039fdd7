"""The training objective of each method, by the method's name."""

from collections.abc import Callable, Mapping

from models.paper.objectives.absolute_error import MeanAbsoluteError
from models.paper.objectives.cross_entropy import CrossEntropy, make_ce_gn, make_ce_ln
from models.paper.objectives.determinant import DeterminantMutualInformation
from models.paper.objectives.forward_correction import ForwardCorrection
from models.paper.objectives.objective import Objective, ObjectiveConfig, Outcome, Outputs, Stage
from models.paper.objectives.predicted_gradients import (
    make_limit_by_stage,
    make_limit_c,
    make_limit_g,
    make_limit_l,
)
from models.paper.objectives.soft_regularisation import SoftRegularisation

__all__ = ["OBJECTIVES", "Objective", "ObjectiveConfig", "Outcome", "Outputs", "Stage"]

OBJECTIVES: Mapping[str, Callable[[ObjectiveConfig], Objective]] = {
    "limit": make_limit_by_stage,
    "limit_c": make_limit_c,
    "limit_g": make_limit_g,
    "limit_l": make_limit_l,
    "ce": CrossEntropy,
    "ce_gn": make_ce_gn,
    "ce_ln": make_ce_ln,
    "mae": MeanAbsoluteError,
    "fw": ForwardCorrection,
    "dmi": DeterminantMutualInformation,
    "soft_regularisation": SoftRegularisation,
}
"""The objective of every training method, by its name in a configuration."""
