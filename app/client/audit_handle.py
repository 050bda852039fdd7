"""An audit as an object with methods that call its service."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self, cast

from app.client.handle import PAGE, Handle
from app.client.progress_bars import describe_training, show_text_bar
from app.client.references import find_baseline
from app.client.service.answer_types import AuditAnswer, Json, OnAnswer
from app.client.service.client_errors import ClientError
from app.client.suspect_pages import Suspects
from app.client.verdict_imports import import_label_studio


class Audit(Handle):
    """One audit of one dataset."""

    def __repr__(self) -> str:
        return f"<Audit {self.name!r}, {self._describe_state()}, {self.id}>"

    def _describe_state(self) -> str:
        """Return how far it is; at its end how many labels are wrong, where that may be claimed."""
        if self.status != "succeeded":
            return f"{self.status}, {self['fraction']:.0%}"
        summary = self.document["summary"] or {}
        estimate = summary.get("estimate") or {}
        if not estimate.get("may_claim"):
            return "succeeded, cannot tell yet how many labels are wrong"
        low, high = estimate["interval"]
        by_whom = f"; {summary['rests_on']}" if summary.get("checked") else ", not checked"
        return f"succeeded, {low:,.0f} to {high:,.0f} of {estimate['sample_count']:,} labels wrong{by_whom}"

    @property
    def answer(self) -> AuditAnswer:
        """Return the last answer."""
        return cast("AuditAnswer", self.document)

    @property
    def summary(self) -> Json:
        """Return the results that need no correct labels.

        Raises:
            ClientError: the audit has not succeeded.

        """
        if self.document["summary"] is None:
            raise ClientError(f"a summary needs an audit that has succeeded; this audit is {self.status}")
        return dict(self.document["summary"])

    def refresh(self) -> Self:
        """Fetch the current state from the service."""
        self.document = self._service.get(f"/v1/audits/{self.id}")
        return self

    def wait(
        self, *, progress: bool = True, on_answer: OnAnswer | None = None, timeout: float | None = None
    ) -> Self:
        """Wait until the audit has succeeded.

        Raises:
            ClientError: the audit failed or was cancelled.
            TimeoutError: the audit did not end within `timeout` seconds; it continues to run.

        """
        with show_text_bar("audit", enabled=progress and on_answer is None) as bar:
            show = on_answer or (lambda answer: bar.show(*describe_training(answer)))
            self.document = self._service.wait_for_audit(self.id, on_answer=show, timeout=timeout)
        return self

    def suspects(self, **filters: object) -> Suspects:
        """Return the ranking, the most suspicious first; during training, the top of the provisional ranking.

        The filters are those of the API: given_label, suggested_label, min_distance, max_distance, ...
        """
        return Suspects(self._service, self.id, filters)

    def metrics(self) -> Json:
        """Return ROC, PR and precision at k; needs attached correct labels."""
        return dict(self._service.get(f"/v1/audits/{self.id}/metrics"))

    def error_sources(self) -> Json:
        """Return where the errors come from: each value of your own columns, compared with all others."""
        return dict(self._service.get(f"/v1/audits/{self.id}/error-sources"))

    def epochs(self) -> list[Json]:
        """Return the losses and accuracies of every run and epoch."""
        return list(self._service.get(f"/v1/audits/{self.id}/epochs"))

    def download(self, target: str | Path) -> Path:
        """Download the complete ranking to a .csv or .parquet file."""
        path = Path(target)
        return self._service.download(f"/v1/audits/{self.id}/ranking{path.suffix}", path)

    def export(self, what: str, target: str | Path = ".", **params: object) -> Path:
        """Download an export of the audit to a file or into a folder.

        Args:
            what: a name in `app.exports.registry`: `report.html` (or `report`), `cleanlab.npz`, ...
            target: a file, or a folder in which the service chooses the file name.
            **params: the export's parameters.

        Raises:
            ClientError: there is no export of this name, or the service refused the request.

        """
        return self._export("audit", what, target, params)

    def review(self, verdicts: Sequence[Json], *, reviewer: str | None = None) -> list[Json]:
        """Save verdicts: objects with position, verdict (keep, relabel, drop, unsure) and label for relabel.

        Returns:
            the verdicts that were not saved because the sample has one already, with `current` and, if you
            gave it yourself, `own`; to change or overrule a verdict, send its `version`.

        """
        conflicts: list[Json] = []
        for start in range(0, len(verdicts), PAGE):
            part = list(verdicts[start : start + PAGE])
            body = {"reviews": part, "audit_id": self.id, "reviewer": reviewer}
            answer = self._service.post(f"/v1/datasets/{self['dataset_id']}/reviews", body)
            conflicts += answer["conflicts"]
        return conflicts

    def import_label_studio(
        self, file: str | Path, *, dry_run: bool = False, reviewer: str | None = None
    ) -> Json:
        """Save what annotators decided in Label Studio about the tasks of this audit's export.

        Args:
            file: Label Studio's export of type JSON.
            dry_run: only say what would be saved.
            reviewer: name for all verdicts; None: each annotator's own. With a key, the key's name is used.

        Returns:
            `saved` (`new` in a dry run), `already`, `undecided`; `conflicts` and `unknown` as sentences.

        Raises:
            ClientError: the file is no such export.

        """

        def save(verdicts: Sequence[Json], annotator: str) -> list[Json]:
            return self.review(verdicts, reviewer=reviewer or annotator)

        return import_label_studio(self._service, self["dataset_id"], Path(file), None if dry_run else save)

    def next_samples(
        self, count: int = 20, *, reviewer: str | None = None, held: Sequence[int] = ()
    ) -> list[Json]:
        """Return samples to review that nobody else is handed for some minutes, the most suspicious first.

        A share of them may be second opinions, if that is set; nothing tells which.

        Args:
            count: samples at most, 100 or fewer.
            reviewer: who asks; with a key, the key's name is used.
            held: positions that you have already and have not decided; they stay yours.

        """
        body = {"count": count, "held": list(held), "reviewer": reviewer}
        return list(self._service.post(f"/v1/audits/{self.id}/queue", body)["items"])

    def second_opinions(self, share: float | None = None, *, seed: int | None = None) -> Json:
        """Return which share of the reviewed samples a second person judges, or set it (0 to 1)."""
        address = f"/v1/audits/{self.id}/review-plan"
        if share is None:
            return dict(self._service.get(address))
        body = {"second_share": share, "seed": seed}
        return self._service.put_json(address, body)

    def agreement(self) -> Json:
        """Return how far people agree who judged the same samples, with intervals."""
        return dict(self._service.get(f"/v1/audits/{self.id}/agreement"))

    def disagreements(self, state: str = "disputed") -> Iterator[Json]:
        """Iterate over samples that several people judged: disputed, agreed, unsure or settled.

        To settle one, `review` it with the `version` of its `review`.
        """
        return self._service.pages(f"/v1/audits/{self.id}/judged-twice", limit=PAGE, state=state)

    def add_note(self, position: int, text: str, *, reviewer: str | None = None) -> Json:
        """Write a note on a sample, 1,000 characters at most."""
        address = f"/v1/datasets/{self['dataset_id']}/samples/{position}/notes"
        return dict(self._service.post(address, {"text": text, "reviewer": reviewer}))

    def notes(self, position: int) -> list[Json]:
        """Return the notes on a sample, the oldest first."""
        return list(self._service.get(f"/v1/datasets/{self['dataset_id']}/samples/{position}/notes")["items"])

    def review_progress(self) -> Json:
        """Return the progress of the review, and whether more reviewing is worth it."""
        return dict(self._service.get(f"/v1/audits/{self.id}/review-progress"))

    def check(self, samples: int | None = None) -> Json:
        """Return how far the random checks of the audit have come.

        Args:
            samples: begin them, or extend them to this many in all; None: only return their state.

        Raises:
            ClientError: they were not begun.

        """
        address = f"/v1/audits/{self.id}/check"
        if samples is None:
            return dict(self._service.get(address))
        return self._service.put_json(address, {"samples": samples})

    def samples_to_check(self, limit: int = PAGE) -> list[Json]:
        """Return the samples to check next, in random order; give the verdicts on them by `review`."""
        return list(self._service.get(f"/v1/audits/{self.id}/check/samples", limit=limit)["items"])

    def check_result(self) -> Json:
        """Return what the random checks say, by the verdicts that there are now.

        Raises:
            ClientError: too few of them are decided.

        """
        return dict(self._service.get(f"/v1/audits/{self.id}/check/result"))

    def again(self, dataset: Handle | None = None, *, name: str | None = None) -> "Audit":
        """Start an audit with the same configuration; by default of the newest version of its dataset."""
        body = {"dataset_id": None if dataset is None else dataset.id, "name": name}
        return Audit(self._service, self._service.post(f"/v1/audits/{self.id}/again", body))

    def compare(self, later: "Audit", *, state: str | None = None, limit: int = 50) -> Json:
        """Return both counts with their intervals, and what became of the suspects.

        Args:
            later: the audit to compare this one with.
            state: only samples of this state: relabelled, dropped, added, new_suspect, cleared,
                still_suspect.
            limit: samples of each state.

        """
        chosen = {"with": later.id, "limit": limit, **({} if state is None else {"state": state})}
        return dict(self._service.get(f"/v1/audits/{self.id}/comparison", **chosen))

    def judge(self, *, baseline: "Audit | str | None" = None, **limits: object) -> Json:
        """Return what the audit comes to by limits: passed, failed or cannot_tell, with every check.

        Args:
            baseline: an earlier audit, to tell what is new; or its id or whole name, of which the newest
                other audit that has succeeded counts.
            **limits: max_noise, max_class_noise, max_new_noise (shares, 0 to 1), no_conflicts, not_worse.

        Raises:
            ClientError: there is no such baseline, a limit is unknown, or none is given.

        """
        if isinstance(baseline, str):
            baseline = Audit(self._service, find_baseline(self._service, baseline, besides=self.id))
        chosen = {**limits, **({} if baseline is None else {"baseline": baseline.id})}
        return dict(self._service.get(f"/v1/audits/{self.id}/gate", **chosen))

    def record(self, target: str | Path = ".", *, statements: Mapping[str, str] | None = None) -> Path:
        """Download the record of the audit to a .zip file; `limit-audit verify` checks it.

        Args:
            target: a file, or a folder in which the service chooses the file name.
            statements: what the operator states, by field of Article 10 or of a datasheet; needs an admin.

        """
        if not statements:
            return self.export("record", target)
        address, body = f"/v1/audits/{self.id}/record", {"statements": dict(statements)}
        return self._service.download(address, Path(target), method="POST", json=body)

    def cancel(self) -> Self:
        """Cancel the audit."""
        self.document = self._service.post(f"/v1/audits/{self.id}/cancel")
        return self

    def delete(self) -> None:
        """Delete the audit; it must have ended."""
        self._service.delete(f"/v1/audits/{self.id}")
