"""The forward model fitted to all evidence and to each source alone, and what they say beside other views.

Shape suffixes: N samples, K classes, M sources, F samples of the fit, S any samples, B of a block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.error_model import other_views
from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.claims import Views
from models.error_model.forward_model import (
    ForwardModel,
    TrueClassProbabilities,
    bootstrap_rates,
    error_probability,
    infer_true_class,
    take_logs,
)
from models.error_model.noise_evenness import choose_evenness
from models.error_model.noise_undoing import fit_to_sources, prepare_logs
from models.error_model.sample_evidence import Evidence, count_votes

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
BLOCK_ELEMENTS = 4_000_000
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class FittedModels:
    """Forward models and what they were fitted to."""

    evidence: Evidence
    sources: tuple[npt.NDArray[np.floating], ...]
    """Class probabilities of each source [N, K]: the networks' own, and the neighbours' votes."""
    fitted_F: Index
    """The samples of the fit."""
    model: ForwardModel
    """Of all sources together."""
    alone: tuple[ForwardModel, ...]
    """Of each source; empty where there is one."""
    constants: Constants

    def infer_blocks(self, samples_S: Index) -> Iterator[tuple[Index, TrueClassProbabilities]]:
        """Yield what the model of all sources says of these samples, block by block."""
        labels_N = self.evidence.labels_N
        rows = max(1, BLOCK_ELEMENTS // self.evidence.class_count)
        for start in range(0, len(samples_S), rows):
            block_B = samples_S[start : start + rows]
            sources = [source_NK[block_B] for source_NK in self.sources]
            logs_MBK = prepare_logs(sources, self.model.undone_KK, self.constants)
            yield block_B, infer_true_class(self.model, logs_MBK, labels_N[block_B])

    def infer_by_neighbours(self, block_B: Index) -> TrueClassProbabilities:
        """Return what the neighbours' model alone says of a block."""
        model = self.alone[1]
        logs_1BK = prepare_logs([self.sources[1][block_B]], model.undone_KK, self.constants)
        return infer_true_class(model, logs_1BK, self.evidence.labels_N[block_B])


def fit_models(evidence: Evidence, *, seed: int, constants: Constants) -> FittedModels:
    """Return the models that make the given labels likeliest."""
    votes_NK = count_votes(evidence, constants)
    sources = (evidence.probabilities_NK,) + (() if votes_NK is None else (votes_NK,))
    fitted_F = draw_fitted(evidence, seed, constants)
    parts = [source_NK[fitted_F] for source_NK in sources]
    labels_F = evidence.labels_N[fitted_F]
    evenness = choose_evenness(take_logs(parts, constants), labels_F, seed=seed, constants=constants)
    alone = [] if votes_NK is None else parts
    return FittedModels(
        evidence=evidence,
        sources=sources,
        fitted_F=fitted_F,
        model=fit_to_sources(parts, labels_F, constants, evenness=evenness),
        alone=tuple(fit_to_sources([part], labels_F, constants, evenness=evenness) for part in alone),
        constants=constants,
    )


def has_too_many_classes(evidence: Evidence, constants: Constants = CONSTANTS) -> bool:
    """Return whether even perfect evidence explains too little for so many parameters; a fit takes hours."""
    classes = evidence.class_count
    most = min(len(evidence.out_of_sample), constants.fitted_max, constants.fitted_elements // classes)
    entropy = _find_entropy(evidence.labels_N)
    return most * entropy < constants.least_nats_per_parameter * classes * (classes - 1)


def compare_views(fitted: FittedModels, *, seed: int) -> Views:
    """Return the error rate by every assumption, of the samples of the fit."""
    evidence, constants = fitted.evidence, fitted.constants
    labels_F = evidence.labels_N[fitted.fitted_F]
    parts = [source_NK[fitted.fitted_F] for source_NK in fitted.sources]
    logs_MFK = prepare_logs(parts, fitted.model.undone_KK, constants)
    true_class = infer_true_class(fitted.model, logs_MFK, labels_F)
    entropy = _find_entropy(labels_F)
    rates = bootstrap_rates(fitted.model, logs_MFK, labels_F, seed=seed, constants=constants)
    alone = [
        _find_rate(model, part_FK, labels_F, constants)
        for model, part_FK in zip(fitted.alone, parts, strict=bool(fitted.alone))
    ]
    surest, surest_error = other_views.surest_disagreement(
        true_class.prior_NK, labels_F, constants.surest_share
    )
    return Views(
        forward=float(error_probability(true_class, labels_F).mean()),
        forward_of_sources=tuple(alone),
        standard_error=float(rates.std(ddof=1)),
        disagreement=other_views.disagreement(true_class.prior_NK, labels_F),
        consensus=_find_consensus(evidence, fitted.fitted_F),
        surest=surest,
        surest_error=surest_error,
        information=1 + fitted.model.log_likelihood / max(entropy, TINY),
        information_of_neighbours=1 + fitted.alone[1].log_likelihood / max(entropy, TINY)
        if fitted.alone
        else 0.0,
        nats_per_parameter=len(labels_F)
        * (entropy + fitted.model.log_likelihood)
        / _count_parameters(fitted),
        sample_count=len(evidence.labels_N),
        evidence_count=len(evidence.out_of_sample),
        class_count=evidence.class_count,
    )


def _find_rate(
    model: ForwardModel,
    part_FK: npt.NDArray[np.floating],
    labels_F: npt.NDArray[np.integer],
    constants: Constants,
) -> float:
    """Return the error rate by the model of one source alone."""
    logs_1FK = prepare_logs([part_FK], model.undone_KK, constants)
    return float(error_probability(infer_true_class(model, logs_1FK, labels_F), labels_F).mean())


def draw_fitted(evidence: Evidence, seed: int, constants: Constants) -> Index:
    """Return the samples that the model is fitted to: all of them, or as many as time allows."""
    known = evidence.out_of_sample
    most = min(constants.fitted_max, constants.fitted_elements // evidence.class_count)
    if len(known) <= most:
        return known
    return np.sort(np.random.default_rng(seed).choice(known, most, replace=False))


def _count_parameters(fitted: FittedModels) -> int:
    """Return the free parameters of the model: scales, biases and transitions."""
    classes = fitted.evidence.class_count
    return len(fitted.sources) + classes - 1 + classes * (classes - 1)


def _find_entropy(labels_F: npt.NDArray[np.integer]) -> float:
    share_K = np.bincount(labels_F) / len(labels_F)
    return float(-(share_K * np.log(share_K.clip(TINY))).sum())


def _find_consensus(evidence: Evidence, fitted_F: Index) -> float | None:
    near_Nk = evidence.neighbours_Nk
    if near_Nk is None:
        return None
    three_F3 = np.column_stack([fitted_F, near_Nk[fitted_F, 0], near_Nk[fitted_F, 1]])
    return other_views.consensus(evidence.labels_N[three_F3], evidence.class_count)
