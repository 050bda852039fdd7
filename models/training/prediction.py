"""A trained classifier's predictions for samples that it was not trained on."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.configuration.training_config import TrainingConfig, check_fits
from models.inputs.batches import place, split_batches
from models.kinds.preparation import Standardisation
from models.kinds.sample_arrays import Inputs
from models.kinds.trained_kinds import find_trained_kind
from models.networks import architectures
from models.training.network_shapes import make_classifier_shape

BATCH = 1_024


@torch.no_grad()
def predict_probabilities(
    inputs: Inputs,
    *,
    model_state: Mapping[str, Tensor],
    input_mean: npt.NDArray[np.float32],
    input_deviation: npt.NDArray[np.float32],
    config: TrainingConfig,
    class_count: int,
    device: str = "cpu",
) -> npt.NDArray[np.float32]:
    """Return the softmax s(a) [N, K] of the classifier in evaluation mode, in the samples' order.

    Args:
        inputs: as for `train`.
        model_state: `TrainingResult.model_state`, or `Progress.model_state()`.
        input_mean: `TrainingResult.input_mean`; test samples are standardised by the training samples.
        input_deviation: `TrainingResult.input_deviation`.
        config: the configuration of the training.
        class_count: K of the training.
        device: the torch device that computes.

    """
    check_fits(config, shape=inputs.shape[1:])
    target = torch.device(device)
    width = find_trained_kind(inputs).find_placed_shape(inputs.shape, config)[-1]
    shape = make_classifier_shape(config, channels=width, class_count=class_count)
    network = architectures.build(config.network, shape, seed=0).to(target).eval()
    network.load_state_dict(model_state)
    standardisation = Standardisation(
        mean_C=torch.from_numpy(input_mean).to(target),
        deviation_C=torch.from_numpy(input_deviation).to(target),
    )
    preparation = find_trained_kind(inputs).make_preparation(config, standardisation, target)
    batches = place(inputs, config, target).read(torch.arange(len(inputs)), split_batches(len(inputs), BATCH))
    softmax = [network(preparation.prepare_plain(rows_B)).softmax(1).cpu().numpy() for _, rows_B in batches]
    probabilities_NK: npt.NDArray[np.float32] = np.concatenate(softmax)
    return probabilities_NK
