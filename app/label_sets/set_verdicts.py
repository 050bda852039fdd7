"""Deciding which labels a sample has: a verdict in the view of each class that was asked about or changed."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from app.infra.errors import Invalid
from app.label_sets.class_views import HAS
from app.reviews import random_checks, verdicts
from app.reviews.opinions import Author, Entry
from app.tables import Dataset, Sample, Verdict
from models.reading.label_texts import make_comparable

UNSEEN = 0
"""A version that no review has."""


def decide_set(
    session: Session,
    views: Mapping[str, Dataset],
    position: int,
    *,
    labels: Collection[str],
    asked: Collection[str],
    fixed: Collection[str],
    seen: Mapping[str, int],
    reviewer: str,
) -> None:
    """Save that a sample has exactly these labels among the classes that were asked about.

    A class that was neither asked about nor changed gets no verdict: nobody looked at it. One that was
    dropped loses that verdict, since the sample stays.

    Args:
        session: of the caller.
        views: ready views, by class.
        position: of the sample.
        labels: the classes that it has.
        asked: the classes that the reviewer was asked about.
        fixed: given classes of the sample that have no view, and stay.
        seen: version of the review to replace, by class; a class without one has no review yet.
        reviewer: who decides.

    Raises:
        Invalid: a class has no view.
        NotFound: there is no such sample.
        StaleVersion: somebody changed a verdict meanwhile; nothing is saved.

    """
    names = {make_comparable(name): name for name in views}
    _require_known([*(name for name in labels if name not in fixed), *asked], names)
    wanted, pressed = ({make_comparable(name) for name in each} for each in (labels, asked))
    for key, name in sorted(names.items()):
        view = views[name]
        given = _find_given(session, view.id, position)
        review = verdicts.find_reviews(session, view.id, [position]).get(position)
        verdict = None if review is None else review.verdict
        is_wanted, is_final = key in wanted, given != (verdict == Verdict.RELABEL)
        if key in pressed or is_wanted != is_final:
            entry = Entry(
                position=position,
                verdict=Verdict.KEEP if is_wanted == given else Verdict.RELABEL,
                label=None if is_wanted == given else int(is_wanted),
                seen=seen.get(name),
            )
            verdicts.put(session, view, entry, Author(reviewer=reviewer))
            random_checks.continue_checks(session, view, [position])
        elif verdict == Verdict.DROP:
            verdicts.clear(session, view, position, seen=seen.get(name, UNSEEN), reviewer=reviewer)


def drop_sample(
    session: Session, views: Mapping[str, Dataset], position: int, *, seen: Mapping[str, int], reviewer: str
) -> None:
    """Save that a sample is to be left out, in the view of every class.

    Raises:
        StaleVersion: somebody changed a verdict meanwhile; nothing is saved.

    """
    for name, view in sorted(views.items()):
        entry = Entry(position=position, verdict=Verdict.DROP, seen=seen.get(name))
        verdicts.put(session, view, entry, Author(reviewer=reviewer))
        random_checks.continue_checks(session, view, [position])


def _require_known(given: Collection[str], names: Mapping[str, str]) -> None:
    unknown = [name for name in given if make_comparable(name) not in names]
    if unknown:
        raise Invalid(
            f"expected classes that have a view: {', '.join([*names.values()][:20])}; found {unknown[0]!r}"
        )


def _find_given(session: Session, view_id: UUID, position: int) -> bool:
    sample = session.get_one(Sample, (view_id, position))
    return sample.given_label == HAS
