"""An audit's label errors: the evidence of its chosen runs, and what may be said by it.

Shape suffixes: N samples, K classes, 3 best classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from app.tables import Audit, Run
from models.catalogue.methods import EXTERNAL
from models.catalogue.training_request import TrainingRequest
from models.error_model.claims import EXPLANATIONS, Reason
from models.error_model.estimate import Estimate, fit
from models.error_model.fitted_models import has_too_many_classes
from models.error_model.sample_evidence import Evidence
from models.error_model.suggestions import choose_suggestions
from models.ranking.ranking_scores import read_score
from worker.jobs import evidence_files
from worker.jobs.audited_labels import AuditLabels
from worker.jobs.evidence_files import RunEvidence
from worker.jobs.score_rows import Findings
from worker.jobs.signal_files import Signals

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CountedErrors:
    """The number of wrong labels of an audit, without those that a rehearsal planted."""

    sample_count: int
    reasons: tuple[tuple[str, str], ...]
    """Code and sentence of everything that stands against a claim; empty: the count may be claimed."""
    count: float | None
    """None: nothing was estimated."""
    interval: tuple[float, float] | None
    joint_KK: Floats | None
    """Expected counts of true classes (rows) and given ones."""

    @property
    def may_claim(self) -> bool:
        """Return whether count, probabilities and what follows from them may be shown as findings."""
        return not self.reasons

    @property
    def claimed_share(self) -> float | None:
        """Return the share of wrong labels; None where it may not be claimed."""
        return None if self.count is None or self.reasons else self.count / max(self.sample_count, 1)


@dataclass(frozen=True, kw_only=True)
class LabelErrors:
    """What an audit says of its labels: of each, and of all together."""

    findings: Findings
    counted: CountedErrors


def estimate_label_errors(
    storage: Storage, audit: Audit, chosen: Sequence[Run], signals: Signals, labels: AuditLabels
) -> LabelErrors:
    """Return the label errors by the evidence of the chosen runs, whose averaged signals rank.

    Without evidence nothing is estimated: the ranking is all that there is.
    """
    folders = [storage.locate_run(audit.id, run.number) for run in chosen]
    found = [
        each for each in (evidence_files.load(storage, folder) for folder in folders) if each is not None
    ]
    sample_count = int(len(labels.given) - (0 if labels.planted is None else labels.planted.sum()))
    if not found:
        return _estimate_nothing(signals, labels, sample_count, _explain_absence(chosen))
    evidence = _join(found, signals, labels)
    if has_too_many_classes(evidence):
        return _estimate_nothing(signals, labels, sample_count, Reason.TOO_MANY_CLASSES)
    estimate = fit(evidence, counted_N=None if labels.planted is None else ~labels.planted)
    suggestions = choose_suggestions(estimate, evidence)
    findings = Findings(
        error_probability_N=estimate.error_probability_N.astype(np.float32),
        is_label_issue_N=estimate.is_flagged_N,
        top_labels_N3=suggestions.labels_N3,
        top_probabilities_N3=suggestions.probabilities_N3,
    )
    return LabelErrors(findings=findings, counted=_count(estimate, labels, sample_count))


def _explain_absence(chosen: Sequence[Run]) -> Reason:
    """Return why no run left evidence: an encoder's features always judge the labels, if they can be kept."""
    requests = [TrainingRequest.read(run.configuration or {}) for run in chosen]
    wanted = any((request.folds or 1) > 1 or request.blind_fraction for request in requests)
    is_certain = any(run.method == EXTERNAL.name or run.feature_set_id is not None for run in chosen)
    return Reason.TOO_LARGE if wanted or is_certain else Reason.NOT_OUT_OF_SAMPLE


def _estimate_nothing(
    signals: Signals, labels: AuditLabels, sample_count: int, reason: Reason
) -> LabelErrors:
    """Return no estimate; samples with another likeliest class are flagged, to be looked at first."""
    findings = Findings(
        error_probability_N=None,
        is_label_issue_N=signals["top_labels_N3"][:, 0] != labels.given,
        top_labels_N3=signals["top_labels_N3"],
        top_probabilities_N3=signals["top_probabilities_N3"],
    )
    counted = CountedErrors(
        sample_count=sample_count,
        reasons=((str(reason), EXPLANATIONS[reason]),),
        count=None,
        interval=None,
        joint_KK=None,
    )
    return LabelErrors(findings=findings, counted=counted)


def _join(found: Sequence[RunEvidence], signals: Signals, labels: AuditLabels) -> Evidence:
    """Return the evidence of several runs: the mean over those that are blind to a label, else over all."""
    total_NK, is_blind_N = evidence_files.join_probabilities(found)
    neighbours = [each.neighbours_Nk for each in found if each.neighbours_Nk is not None]
    return Evidence(
        labels_N=labels.given,
        probabilities_NK=total_NK,
        neighbours_Nk=neighbours[0] if neighbours else None,
        is_out_of_sample_N=None if is_blind_N.all() else is_blind_N,
        score_N=read_score(signals),
    )


def _count(estimate: Estimate, labels: AuditLabels, sample_count: int) -> CountedErrors:
    """Return the count without planted errors; all of them are taken to be wrong."""
    planted = 0 if labels.planted is None else int(labels.planted.sum())
    low, high = estimate.error_count_interval
    count, low, high = (
        min(max(each - planted, 0.0), float(sample_count)) for each in (estimate.error_count, low, high)
    )
    codes = [str(reason) for reason in estimate.claim.reasons]
    return CountedErrors(
        sample_count=sample_count,
        reasons=tuple(zip(codes, estimate.reasons, strict=True)),
        count=count,
        interval=(low, high),
        joint_KK=estimate.joint_KK,
    )


def describe(counted: CountedErrors) -> dict[str, Any]:
    """Return the estimate as it is stored with an audit."""
    count = counted.count if counted.may_claim else None
    return {
        "may_claim": counted.may_claim,
        "reasons": [{"code": code, "detail": detail} for code, detail in counted.reasons],
        "count": count,
        "interval": None if counted.interval is None else list(counted.interval),
        "sample_count": counted.sample_count,
    }
