"""What the methods without a predictor share: the classifier itself scores the labels."""

from torch import Tensor

from models.paper import limit
from models.paper.objectives.objective import Outcome, Outputs


def score_by_classifier(outputs: Outputs, loss: Tensor) -> Outcome:
    """Return the outcome whose distance ||y - s(a)|| is also the norm of the cross-entropy gradient g."""
    logits_BK = outputs.classifier_logits_BK.detach()
    targets_BK = limit.encode_one_hot(outputs.labels_B, logits_BK.shape[1])
    return Outcome(
        classifier_loss=loss,
        predictor_loss=None,
        gradient_norm_B=limit.measure_distance(logits_BK, targets_BK),
        scoring_logits_BK=logits_BK,
    )
