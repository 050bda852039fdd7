"""The training objective of each method, by the method's name."""

from collections.abc import Callable, Mapping

from models.paper.objectives.absolute_error import MeanAbsoluteError
from models.paper.objectives.cross_entropy import CrossEntropy, ce_gn, ce_ln
from models.paper.objectives.determinant import DeterminantMutualInformation
from models.paper.objectives.forward_correction import ForwardCorrection
from models.paper.objectives.objective import Objective, ObjectiveConfig, Outcome, Outputs, Stage
from models.paper.objectives.predicted_gradients import limit_by_evidence, limit_c, limit_g, limit_l
from models.paper.objectives.soft_regularisation import SoftRegularisation

__all__ = ["OBJECTIVES", "Objective", "ObjectiveConfig", "Outcome", "Outputs", "Stage"]

OBJECTIVES: Mapping[str, Callable[[ObjectiveConfig], Objective]] = {
    "limit": limit_by_evidence,
    "limit_c": limit_c,
    "limit_g": limit_g,
    "limit_l": limit_l,
    "ce": CrossEntropy,
    "ce_gn": ce_gn,
    "ce_ln": ce_ln,
    "mae": MeanAbsoluteError,
    "fw": ForwardCorrection,
    "dmi": DeterminantMutualInformation,
    "soft_regularisation": SoftRegularisation,
}
"""The objective of every training method, by its name in a configuration."""
