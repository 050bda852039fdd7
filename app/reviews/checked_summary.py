"""The summary of an audit after random checks: every figure of it follows them.

The checks settle the total. How it spreads over classes and pairs follows from the audit's own estimate,
scaled class by class to the recalibrated probabilities.
Shape suffixes: N samples in order of rank, K classes.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.reviews.audit_opinion import DecidedSamples
from app.reviews.checked_figures import CheckedFigures, find_settled, mark_flagged
from app.reviews.ranked_scores import RankedScores, read_ranked_scores
from app.tables import Audit, CheckPlan, Json
from models.checks.review_budget import describe_budget

Floats = npt.NDArray[np.float64]
NOTHING = 1e-9
"""Expected counts below this are rounding errors."""
_kept: "WeakKeyDictionary[CheckedFigures, Json]" = WeakKeyDictionary()
"""Corrected summaries, as long as the figures that they follow are kept: lists of audits ask for many."""


def read_summaries(session: Session, audits: Sequence[Audit]) -> dict[UUID, Json | None]:
    """Return the summaries of audits, after their random checks where these say anything."""
    ids = [audit.id for audit in audits]
    checked = {*session.scalars(select(CheckPlan.audit_id).where(CheckPlan.audit_id.in_(ids)))}
    return {
        audit.id: read_summary(session, audit) if audit.id in checked else audit.summary for audit in audits
    }


def read_summary(session: Session, audit: Audit) -> Json | None:
    """Return the summary of an audit, after its random checks if these say anything."""
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    if figures is None or audit.summary is None:
        return audit.summary
    kept = _kept.get(figures)
    if kept is None:
        scores = read_ranked_scores(session.connection(), audit.id)
        decided = DecidedSamples.read(session.connection(), audit, len(scores.given_N), only_looked_at=True)
        kept = _kept[figures] = correct_summary(audit.summary, figures, scores, decided)
    return kept


def correct_summary(
    summary: Json, figures: CheckedFigures, scores: RankedScores, decided: DecidedSamples
) -> Json:
    """Return a summary whose figures follow random checks; those of classes also what people decided."""
    count, samples = figures.settled.count, len(scores.given_N)
    is_flagged_N = mark_flagged(scores, figures.settled)
    probability_N = figures.settled.recalibration.apply(scores.error_probability_N)
    interval = [count.low * samples, count.high * samples]
    classes = summary["per_class"]
    expected_N = _expect_errors(decided, probability_N, count.centre * samples)
    errors_K = np.bincount(scores.given_N, expected_N, len(classes)).astype(np.float64)
    flagged_K = np.bincount(scores.given_N[is_flagged_N], minlength=len(classes))
    return {
        **summary,
        "checked": count.checked,
        "rests_on": figures.words,
        "estimate": {
            "may_claim": True,
            "reasons": [],
            "count": count.centre * samples,
            "interval": interval,
            "sample_count": samples,
        },
        "expected_error_count": count.centre * samples,
        "expected_error_interval": interval,
        "noise_rate": count.centre,
        "health": 1 - count.centre,
        "label_issue_count": int(is_flagged_N.sum()),
        "budget": describe_budget(probability_N),
        **_correct_classes(summary, errors_K, flagged_K.tolist()),
    }


def _expect_errors(decided: DecidedSamples, probability_N: Floats, count: float) -> Floats:
    """Return expected errors by rank, so that no class has fewer than people found.

    What is decided is certain. The rest of the count is spread over the others by their probabilities.
    """
    is_open_N = ~(decided.is_wrong_N | decided.is_right_N)
    total = probability_N[is_open_N].sum()
    found = int(decided.is_wrong_N.sum())
    expected_N = np.where(is_open_N, probability_N * max(0.0, count - found) / total if total else 0.0, 0.0)
    expected_N[decided.is_wrong_N] = 1
    return expected_N


def _correct_classes(summary: Json, errors_K: Floats, flagged_K: list[int]) -> Json:
    """Return the figures of classes and pairs."""
    classes: list[Json] = summary["per_class"]
    samples_K = np.array([each["samples"] for each in classes], dtype=np.float64)
    joint_KK = _scale_joint(summary, errors_K, samples_K)
    rates_K = _divide(errors_K, samples_K)
    per_class = [
        {
            **each,
            "expected_errors": float(errors),
            "label_issues": flagged,
            "noise_rate": rate,
            **dict.fromkeys(("expected_members", "missed_rate", "health")),
        }
        for each, errors, rate, flagged in zip(classes, errors_K, rates_K, flagged_K, strict=True)
    ]
    if joint_KK is None:
        return {"per_class": per_class, "transition_matrix": None, "confused_pairs": []}
    members_K, right_K = joint_KK.sum(1), np.diag(joint_KK)
    columns = {
        "expected_members": members_K.tolist(),
        "missed_rate": _divide(members_K - right_K, members_K),
        "health": _divide(right_K, members_K + samples_K - right_K),
    }
    for place, each in enumerate(per_class):
        each.update({name: values[place] for name, values in columns.items()})
    matrix = [_divide(row_K, np.full(len(row_K), row_K.sum())) for row_K in joint_KK]
    return {
        "per_class": per_class,
        "transition_matrix": {**summary["transition_matrix"], "matrix": matrix},
        "confused_pairs": _scale_pairs(summary, joint_KK),
    }


def _scale_joint(summary: Json, errors_K: Floats, samples_K: Floats) -> Floats | None:
    """Return the expected counts of (true class, given class) [K, K]; None: the audit could not tell them."""
    if summary.get("transition_matrix") is None:
        return None
    members = [each["expected_members"] or 0.0 for each in summary["per_class"]]
    shares = np.array(
        [[share or 0.0 for share in row] for row in summary["transition_matrix"]["matrix"]], dtype=np.float64
    )
    joint_KK: Floats = shares * np.array(members)[:, None]
    np.fill_diagonal(joint_KK, 0)
    wrong_K = joint_KK.sum(0)
    joint_KK *= np.divide(errors_K, wrong_K, out=np.zeros_like(wrong_K), where=wrong_K > NOTHING)
    np.fill_diagonal(joint_KK, samples_K - errors_K)
    return joint_KK


def _scale_pairs(summary: Json, joint_KK: Floats) -> list[Json]:
    """Return the confused pairs that the audit lists, with the counts of the scaled matrix."""
    place = {each["class"]: number for number, each in enumerate(summary["per_class"])}
    members_K, given_K = joint_KK.sum(1), joint_KK.sum(0)
    pairs = []
    for pair in summary.get("confused_pairs", []):
        true, given = place[pair["true"]], place[pair["given"]]
        count = float(joint_KK[true, given])
        if count > NOTHING:
            share_of_true, share_of_given = (
                min(count / members_K[true], 1.0),
                min(count / given_K[given], 1.0),
            )
            shares = {"share_of_true": share_of_true, "share_of_given": share_of_given}
            pairs.append({**pair, "expected_count": count, **shares})
    return sorted(pairs, key=lambda pair: -pair["expected_count"])


def _divide(part_K: Floats, whole_K: Floats) -> list[Any]:
    """Return shares in [0, 1]; None where the whole is nothing."""
    return [
        None if whole <= NOTHING else min(max(part / whole, 0.0), 1.0)
        for part, whole in zip(part_K.tolist(), whole_K.tolist(), strict=True)
    ]
