"""How far people agree who judged the same samples of an audit, and what that says of its random checks.

Shape suffixes: U samples that several people judged, R people, C random checks.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, func, select
from sqlalchemy.orm import Session

from app.reviews.checked_figures import read_known
from app.reviews.opinions import find_final
from app.reviews.random_checks import find_checks
from app.tables import Agreement, Audit, Check, Dataset, Opinion, Review, Sample, Score, Verdict
from models.checks.agreement import (
    MISSING,
    AgreementFigure,
    find_reviewer_error,
    measure_agreement,
    measure_class_agreement,
    measure_disagreement,
)
from models.checks.check_plan import Checks
from models.checks.checked_counts import Known, Share, count_errors

Values = npt.NDArray[np.int64]
DROP = "drop"


@dataclass(frozen=True, kw_only=True)
class Person:
    """How much one person has judged."""

    reviewer: str
    verdicts: int
    """Samples that this person judged, as far as nobody has replaced that since."""
    settled: int
    """Disagreements that this person settled."""


@dataclass(frozen=True, kw_only=True)
class CheckedTwice:
    """What second opinions say of the random checks."""

    disagreement: Share | None
    """Right or wrong; None: too few checks have a second opinion."""
    disputed: int
    """Checks on which people disagree, not yet settled; they count for nothing."""
    error_share: Share | None
    """Of all labels, as the checks count it."""
    bounds: tuple[float, float] | None
    """The ends of its interval if every disputed label were right, and if every one were wrong."""

    @property
    def caution(self) -> str | None:
        """Return what to be told of the count, or None: nothing is known to be wrong with it."""
        if self.disagreement is None or self.error_share is None:
            return None
        share = self.error_share.centre
        words = f"{self.disagreement.centre:.0%} of the checks that two people judged"
        if self.disagreement.centre >= share:
            return (
                f"People disagree on {words}, and {share:.0%} of all labels are counted as wrong: the count"
                " may be the reviewers' own mistakes as much as wrong labels."
            )
        if self.disagreement.high >= self.error_share.low:
            return (
                f"People disagree on {words} ({self.disagreement.low:.0%} to {self.disagreement.high:.0%}):"
                " that may be as much as the share of wrong labels."
            )
        return None


@dataclass(frozen=True, kw_only=True)
class PeopleFigures:
    """What the opinions of several people on an audit's samples say."""

    people: list[Person]
    states: dict[str, int]
    """Samples that several people judged, by `Agreement`."""
    labels: AgreementFigure
    """On the right label."""
    right_or_wrong: AgreementFigure
    """On whether the given label is right."""
    classes: list[tuple[str, AgreementFigure]]
    """On which samples are of a class, or are to be dropped."""
    disagreement: Share | None
    """On whether the given label is right; None: too few samples to tell."""
    checked: CheckedTwice

    @property
    def reviewer_error(self) -> tuple[float, float | None, float | None] | None:
        """Return how often one person is wrong, with its interval, if all err independently."""
        if self.disagreement is None:
            return None
        centre = find_reviewer_error(self.disagreement.centre)
        low, high = (find_reviewer_error(end) for end in (self.disagreement.low, self.disagreement.high))
        return None if centre is None else (centre, low, high)


def find_people_figures(session: Session, audit: Audit, dataset: Dataset) -> PeopleFigures:
    """Return how far people agree on an audit's samples."""
    names = dataset.class_names or []
    opinions = _read_opinions(session.connection(), audit)
    values_UR, given_U = _tabulate(opinions, drop=len(names))
    is_wrong_UR = _compare(values_UR, given_U, drop=len(names))
    named = [int(each) for each in np.unique(values_UR) if each != MISSING]
    return PeopleFigures(
        people=list_people(session.connection(), dataset.id),
        states=_count_states(session.connection(), audit),
        labels=measure_agreement(values_UR),
        right_or_wrong=measure_agreement(is_wrong_UR),
        classes=[([*names, DROP][name], measure_class_agreement(values_UR, name)) for name in sorted(named)],
        disagreement=measure_disagreement(is_wrong_UR),
        checked=_judge_checks(session, audit),
    )


def list_people(connection: Connection, dataset_id: UUID) -> list[Person]:
    """Return who has judged how many samples of a dataset, the most first."""
    alone = (Review.dataset_id == dataset_id, Review.is_looked_at, Review.agreement.is_(None))
    settled = (Review.dataset_id == dataset_id, Review.agreement == Agreement.SETTLED)
    count = func.count()
    verdicts: dict[str, int] = {}
    for statement in (
        select(Review.reviewer, count).where(*alone).group_by(Review.reviewer),
        select(Opinion.reviewer, count).where(Opinion.dataset_id == dataset_id).group_by(Opinion.reviewer),
    ):
        for reviewer, number in connection.execute(statement):
            verdicts[reviewer] = verdicts.get(reviewer, 0) + number
    settled_by = select(Review.reviewer, count).where(*settled).group_by(Review.reviewer)
    settling = dict(connection.execute(settled_by).all())
    everyone = sorted({*verdicts, *settling}, key=lambda name: (-verdicts.get(name, 0), name))
    return [
        Person(reviewer=name, verdicts=verdicts.get(name, 0), settled=settling.get(name, 0))
        for name in everyone
    ]


def _count_states(connection: Connection, audit: Audit) -> dict[str, int]:
    statement = (
        select(Review.agreement, func.count())
        .join(Score, (Score.audit_id == audit.id) & (Score.position == Review.position))
        .where(Review.dataset_id == audit.dataset_id, Review.agreement.is_not(None))
        .group_by(Review.agreement)
    )
    counts = {str(state): number for state, number in connection.execute(statement)}
    return {str(state): counts.get(state, 0) for state in Agreement}


def _read_opinions(connection: Connection, audit: Audit) -> list[tuple[Opinion, int]]:
    """Return the opinions on an audit's samples with the given label, in order of position."""
    columns = (Opinion.position, Opinion.reviewer, Opinion.verdict, Opinion.label, Sample.given_label)
    statement = (
        select(*columns)
        .join(Sample, (Sample.dataset_id == Opinion.dataset_id) & (Sample.position == Opinion.position))
        .join(Score, (Score.audit_id == audit.id) & (Score.position == Opinion.position))
        .where(Opinion.dataset_id == audit.dataset_id)
        .order_by(Opinion.position, Opinion.reviewer)
    )
    return [
        (Opinion(position=position, reviewer=reviewer, verdict=verdict, label=label), given)
        for position, reviewer, verdict, label, given in connection.execute(statement)
    ]


def _tabulate(opinions: list[tuple[Opinion, int]], *, drop: int) -> tuple[Values, Values]:
    """Return the labels that people say are right [U, R], and the given ones [U]; unsure is missing."""
    positions = sorted({o.position for o, _ in opinions})
    places = {position: place for place, position in enumerate(positions)}
    people = {name: place for place, name in enumerate(sorted({o.reviewer for o, _ in opinions}))}
    values_UR = np.full((len(places), len(people)), MISSING, dtype=np.int64)
    given_U = np.zeros(len(places), dtype=np.int64)
    for opinion, given in opinions:
        place = places[opinion.position]
        given_U[place] = given
        if opinion.verdict != Verdict.UNSURE:
            final = find_final(opinion, given)
            values_UR[place, people[opinion.reviewer]] = drop if final is None else final
    return values_UR, given_U


def _compare(values_UR: Values, given_U: Values, *, drop: int) -> Values:
    """Return who says that the given label is wrong [U, R]; a drop says neither, so it is missing."""
    is_silent_UR = (values_UR == MISSING) | (values_UR == drop)
    return np.where(is_silent_UR, MISSING, (values_UR != given_U[:, None]).astype(np.int64))


def _judge_checks(session: Session, audit: Audit) -> CheckedTwice:
    connection = session.connection()
    drawn = find_checks(connection, audit.id)
    if drawn is None:
        return CheckedTwice(disagreement=None, disputed=0, error_share=None, bounds=None)
    every = _read_opinions(connection, audit)
    checked = {*connection.scalars(select(Check.position).where(Check.audit_id == audit.id))}
    opinions = [each for each in every if each[0].position in checked]
    drop = np.iinfo(np.int64).max
    is_wrong_UR = _compare(*_tabulate(opinions, drop=drop), drop=drop)
    disputed = dict(connection.execute(_select_disputed(audit)).all())
    known = read_known(connection, audit.id, audit.dataset_id)
    return CheckedTwice(
        disagreement=measure_disagreement(is_wrong_UR),
        disputed=sum(position in checked for position in disputed),
        error_share=count_errors(drawn.checks, known),
        bounds=_find_bounds(drawn.checks, known, disputed, _find_all_wrong(every)),
    )


def _find_bounds(
    checks: Checks, known: Known, disputed: Mapping[int, int], all_wrong: AbstractSet[int]
) -> tuple[float, float] | None:
    """Return the ends of the share of wrong labels if all disputed labels are right, or all wrong.

    Args:
        checks: the random checks, of which the disputed count for nothing.
        known: what verdicts tell, those on disputed samples left out.
        disputed: ranks by position, of all samples of the ranking.
        all_wrong: positions that everybody relabels: these are wrong in either case.

    """
    ends = []
    for is_wrong in (False, True):
        wrong = {rank for position, rank in disputed.items() if is_wrong or position in all_wrong}
        error_C = checks.is_error_C.copy()
        for place, rank in enumerate(checks.rank_C.tolist()):
            if rank in disputed.values():
                error_C[place] = float(rank in wrong)
        in_head = sum(rank <= known.head for rank in disputed.values())
        settled = replace(
            known,
            head_errors=known.head_errors + sum(rank <= known.head for rank in wrong),
            head_decided=known.head_decided + in_head,
            errors=known.errors + len(wrong),
            right=known.right + len(disputed) - len(wrong),
        )
        share = count_errors(replace(checks, is_error_C=error_C), settled)
        if share is None:
            return None
        ends.append(share.high if is_wrong else share.low)
    return ends[0], ends[1]


def _select_disputed(audit: Audit) -> Select[int, int]:
    return (
        select(Score.position, Score.rank)
        .join(Review, (Review.dataset_id == audit.dataset_id) & (Review.position == Score.position))
        .where(Score.audit_id == audit.id, Review.agreement == Agreement.DISPUTED)
    )


def _find_all_wrong(opinions: list[tuple[Opinion, int]]) -> set[int]:
    """Return the samples that all who were sure relabel, whatever they disagree about."""
    others = {opinion.position for opinion, given in opinions if not _relabels(opinion, given)}
    return {opinion.position for opinion, _ in opinions} - others


def _relabels(opinion: Opinion, given: int) -> bool:
    return opinion.verdict == Verdict.UNSURE or find_final(opinion, given) not in {given, None}
