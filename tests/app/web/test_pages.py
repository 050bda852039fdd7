"""The web pages as a server answers them; what their scripts do is tested in a browser."""

import html
import io
import re
import zipfile
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sklearn.datasets import load_digits

from app.access import keys
from app.datasets import sample_dataset
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings as get_settings
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus, Problem, Scope
from app.web import assets, audit_form
from app.web import pages as rendering
from tests.builders.pictures import decode_picture
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset

MARKUP = "<script>alert('x')</script>"
SUMMARY = {
    "sample_count": 12,
    "expected_error_count": 3.0,
    "label_issue_count": 1,
    "disagreement_count": 12,
}


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    made = store_ready_dataset(database, storage)
    with database.transaction() as session:
        found = session.get_one(Dataset, made.id)
        found.problem_count, found.statistics = 1, {"class_counts": {"ant": 4, "bee": 4, MARKUP: 4}}
        session.add(Problem(dataset_id=made.id, number=0, key=MARKUP, code="bad_image", detail=MARKUP))
    return made


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    made = store_finished_audit(database, dataset)
    with database.transaction() as session:
        found = session.get_one(Audit, made.id)
        found.summary, found.theory = SUMMARY, {"noise_rate": 0.25}
        found.provenance = {"dataset_pack_sha256": "0" * 64, "runs": [], "versions": {"torch": "2"}}
    return made


@pytest.fixture
def pages(dataset: Dataset, audit: Audit) -> list[str]:
    return [
        "/",
        "/audits",
        "/docs",
        "/login",
        f"/datasets/{dataset.id}",
        f"/audits/new?dataset={dataset.id}",
        f"/audits/{audit.id}",
        f"/audits/{audit.id}/review",
        f"/audits/{audit.id}/compare/{audit.id}",
    ]


def test_every_page_answers_under_a_policy_without_foreign_or_inline_code(
    api: TestClient, pages: list[str]
) -> None:
    for path in pages:
        answer = api.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]* src=)|<[^>]+ (style|on\w+)=", answer.text), path
        assert not re.search(r'(src|href)="(https?:)?//', answer.text), path


def test_what_a_page_links_to_is_there(api: TestClient, pages: list[str]) -> None:
    linked = {
        link for path in pages for link in re.findall(r'(?:src|href)="(/static/[^"]+)"', api.get(path).text)
    }
    assert len(linked) > 5
    for link in linked:
        answer = api.get(link)
        assert answer.status_code == 200, link
        assert "immutable" in answer.headers["cache-control"]


def test_pages_of_very_many_classes_list_the_first_and_search_for_the_others(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit, pages: list[str]
) -> None:
    names = ["ant", "bee", MARKUP, *(f"class {number} {'x' * 300}" for number in range(20_000))]
    with database.transaction() as session:
        session.get_one(Dataset, dataset.id).class_names = names
    for path in [*pages, f"/audits/{audit.id}/check"]:
        text = api.get(path).text
        assert len(text) < 1_000_000, f"{path}: {len(text)} characters"
        assert "class 19999" not in text
    address = f"/v1/datasets/{dataset.id}/classes"
    assert f'data-classes="{address}"' in api.get(f"/audits/{audit.id}/review").text
    found = api.get(address, params={"text": "CLASS 19999"}).json()
    assert found == {"items": [names[-1]], "class_count": 20_003}
    found = api.get(address, params={"text": "SS 1", "limit": 2}).json()["items"]
    assert found == [names[4], names[13]], "classes 1 and 10"
    first = api.get(address, params={"text": "b"}).json()["items"]
    assert first == ["bee"], "no other name has a b"


@pytest.mark.parametrize("is_rehearsal", [False, True])
def test_who_cannot_tell_is_told_to_check_at_random_unless_it_is_a_rehearsal(
    api: TestClient, database: Database, audit: Audit, *, is_rehearsal: bool
) -> None:
    with database.transaction() as session:
        found = session.get_one(Audit, audit.id)
        estimate = {"may_claim": False, "reasons": [], "sample_count": 12}
        found.summary = SUMMARY | {"expected_error_count": None, "per_class": [], "estimate": estimate}
        found.summary |= {"histogram": {"edges": [0.0, 1.0], "counts": [12]}, "budget": None}
        found.configuration = audit.configuration | ({"rehearsal": {"rate": 0.1}} if is_rehearsal else {})
    for page in (f"/audits/{audit.id}", f"/v1/audits/{audit.id}/exports/report.html"):
        text = api.get(page).text
        assert "Cannot tell yet how many" in text
        assert ("at random" in text) != is_rehearsal


def test_a_result_says_first_what_was_found_then_what_is_surest(
    api: TestClient, database: Database, audit: Audit
) -> None:
    estimate = {"may_claim": True, "reasons": [], "count": 3.0, "interval": [2.0, 5.0], "sample_count": 12}
    counts = {"count": 2, "groups": 1}
    issues = {"outlier": {"count": 1}, "conflicting_duplicate": counts}
    with database.transaction() as session:
        found = session.get_one(Audit, audit.id)
        found.summary = SUMMARY | {"estimate": estimate, "issues": issues}
    text = api.get(f"/audits/{audit.id}").text
    parts = (
        "2 to 5</b> of 12 labels are probably wrong", "Review the suspects", "Check 12 at random",
        "Duplicates with different labels", "Confused pairs", "Most suspicious samples", "Other data issues",
        "Technical details", "Loss", "Theory", "Provenance",
    )  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert not re.search(r"<details[^>]* open", text)


def test_downloads_are_grouped_with_the_corrected_dataset_first(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    for path in (f"/audits/{audit.id}", f"/datasets/{dataset.id}"):
        text = api.get(path).text
        parts = ("<h3>Corrected dataset</h3>", "exports/dataset", "exports/labels.csv", "<h3>Technical</h3>")
        places = [text.index(part) for part in parts]
        assert places == sorted(places), path


def test_a_dataset_shows_the_size_of_the_uploaded_pictures(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    with database.transaction() as session:
        found = session.get_one(Dataset, dataset.id)
        sizes = {"500x333": 9, "320x240": 3}
        found.statistics = {**(found.statistics or {}), "sizes": sizes, "size_count": 2}
    text = api.get(f"/datasets/{dataset.id}").text
    assert "<dd>500 \u00d7 333 <small>most often, and 1 other size</small></dd>" in text
    assert "<dt>Stored for training as</dt><dd>8 \u00d7 8 \u00d7 1 " in text


@pytest.mark.parametrize("may_claim", [False, True])
def test_a_review_shows_error_probabilities_where_they_may_be_claimed(
    api: TestClient, database: Database, audit: Audit, *, may_claim: bool
) -> None:
    with database.transaction() as session:
        session.get_one(Audit, audit.id).summary = SUMMARY | {"estimate": {"may_claim": may_claim}}
    assert f'data-claims="{may_claim:d}"' in api.get(f"/audits/{audit.id}/review").text


def test_the_form_of_an_audit_explains_every_score_that_can_rank(api: TestClient, dataset: Dataset) -> None:
    (option,) = (option for option in audit_form.list_options() if option.name == "score")
    assert option.label == "Score that ranks"
    assert [value for value, _ in option.choices] == ["margin", "average", "last", "neighbours"]
    for choice, _ in option.choices:
        assert re.search(rf"(^|\. ){choice}\b", option.hint), f"{choice} is not explained"
    assert option.hint in html.unescape(api.get(f"/audits/new?dataset={dataset.id}").text)


def test_scripts_import_only_scripts_that_exist() -> None:
    scripts = list(assets.STATIC.glob("*.js"))
    assert scripts
    for script in scripts:
        for name in re.findall(r"""(?:from|import\()\s*["']\./([^"']+)["']""", script.read_text()):
            assert (assets.STATIC / name).is_file(), f"{script.name} imports {name}"


def test_names_from_data_are_text(api: TestClient, pages: list[str]) -> None:
    text = "".join(api.get(path).text for path in pages)
    assert MARKUP not in text
    assert text.count("&lt;script&gt;alert") >= 3


def test_static_files_stay_inside_their_folder(api: TestClient) -> None:
    for path in ("../rendering.py", "%2e%2e/rendering.py", "..%2f..%2fmain.py", "nothing.js"):
        assert api.get(f"/static/x/{path}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/datasets/{}", "/audits/{}", "/audits/new?dataset={}", "/audits/{}/review"]
)
def test_what_does_not_exist_is_a_page_that_says_so(api: TestClient, path: str) -> None:
    answer = api.get(path.format(uuid4()))
    assert answer.status_code == 404
    assert "<h1>Not Found</h1>" in answer.text


def test_the_list_of_audits_has_datasets_and_progress_and_can_be_filtered(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    running = store_audit(database, dataset)
    with database.transaction() as session:
        session.get_one(Audit, running.id).name = "slow 100%"
    listed = api.get("/audits").text
    assert listed.count(f'href="/datasets/{dataset.id}">made</a>') == 2
    assert f'data-live="{running.id}"' in listed
    assert 'aria-label="Progress of slow 100%"' in listed
    assert f'data-live="{audit.id}"' not in listed
    for query, found in (
        ({"q": "100%"}, {running.id}), ({"q": "MADE"}, {running.id, audit.id}), ({"q": "_"}, set()),
        ({"status": "succeeded"}, {audit.id}), ({"q": "slow", "status": "succeeded"}, set()),
        ({"q": "", "status": ""}, {running.id, audit.id}),
    ):  # fmt: skip
        text = api.get("/audits", params=query).text
        assert {each for each in (running.id, audit.id) if f'href="/audits/{each}"' in text} == found, query
        assert ("No audit matches" in text) == (not found)


def test_who_has_no_dataset_is_offered_one(
    api: TestClient, database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Use the sample dataset" in api.get("/").text
    with zipfile.ZipFile(io.BytesIO(api.get("/sample-dataset.zip").content)) as archive:
        names = archive.namelist()
    assert len(names) == 1797
    assert {name.split("/")[0] for name in names} == {str(digit) for digit in range(10)}
    monkeypatch.setattr(sample_dataset, "find_digits", lambda: None)
    assert "Use the sample dataset" not in api.get("/").text
    assert api.get("/sample-dataset.zip").status_code == 404
    monkeypatch.undo()
    store_ready_dataset(database, storage)
    assert "Use the sample dataset" not in api.get("/").text


def test_as_many_labels_of_the_sample_dataset_are_wrong_as_the_page_says() -> None:
    digits = load_digits()
    file = sample_dataset.find_digits()
    assert file is not None
    with zipfile.ZipFile(io.BytesIO(sample_dataset.write_archive(file))) as archive:
        given = {int(name[2:6]): int(name[0]) for name in archive.namelist()}
        pixels = decode_picture(archive.read(f"{given[5]}/0005.png"))
    assert sum(given[place] != label for place, label in enumerate(digits.target)) == sample_dataset.WRONG
    assert (pixels == digits.images[5] * 255 // 16).all()


def test_a_dataset_offers_its_corrected_download(api: TestClient, dataset: Dataset) -> None:
    text = api.get(f"/datasets/{dataset.id}").text
    for name in ("dataset", "labels.csv", "drops.csv"):
        assert f'href="/v1/datasets/{dataset.id}/exports/{name}" download' in text
    assert "label-studio" not in text


@pytest.mark.parametrize("path", ["/nothing", "/audits/not-an-id", "/docs/nothing", "/datasets/x/y"])
def test_a_browser_gets_a_page_for_every_address_that_does_not_exist(api: TestClient, path: str) -> None:
    answer = api.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "there is no such page" in answer.text


def test_programs_get_problem_documents_for_addresses_that_do_not_exist(api: TestClient) -> None:
    for path, accept in (
        ("/nothing", "*/*"),
        ("/v1/nothing", "text/html"),
        ("/static/x/nothing.js", "text/html"),
    ):
        answer = api.get(path, headers={"Accept": accept})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_api_has_a_page_with_every_operation(api: TestClient) -> None:
    text = html.unescape(api.get("/docs").text)
    for path, methods in api.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}<" in text
    assert "Delete an audit that has ended" in text
    assert "<code>epoch</code>" in text
    assert "`" not in text


def test_words_between_backticks_are_shown_as_code() -> None:
    assert rendering.format_code("`a<b` or c & d") == "<code>a&lt;b</code> or c &amp; d"
    assert rendering.format_code("one ` alone") == "one ` alone"


@pytest.mark.parametrize("status", list(DatasetStatus))
def test_a_dataset_has_a_page_in_every_state(
    api: TestClient, database: Database, status: DatasetStatus
) -> None:
    error = {"code": "bad_zip", "detail": "the central directory is missing"}
    with database.transaction() as session:
        is_rejected = status == DatasetStatus.REJECTED
        made = Dataset(
            name="x", options={}, status=status, error=error if is_rejected else None, sample_count=0,
            class_names=[], shape=[2], kind="features", format="csv", problem_count=0, statistics={},
        )  # fmt: skip
        session.add(made)
        session.flush()
    text = api.get(f"/datasets/{made.id}").text
    assert f">{status}</span>" in text
    assert (error["detail"] in text) == is_rejected
    assert ("Start an audit" in text) == (status == DatasetStatus.READY)


@pytest.mark.parametrize("status", [status for status in AuditStatus if status != AuditStatus.SUCCEEDED])
def test_an_audit_without_a_result_shows_its_progress(
    api: TestClient, database: Database, dataset: Dataset, status: AuditStatus
) -> None:
    made = store_audit(database, dataset)
    with database.transaction() as session:
        found = session.get_one(Audit, made.id)
        found.status, found.error = (
            status,
            {"code": "x", "detail": "out of memory"} if status == "failed" else None,
        )
    text = api.get(f"/audits/{made.id}").text
    assert ('id="cancel"' in text) == (status in {"queued", "running"})
    assert ("out of memory" in text) == (status == "failed")
    answer = api.get(f"/audits/{made.id}/review", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/audits/{made.id}")


@pytest.fixture
def guarded(api: TestClient, chosen: Settings) -> TestClient:
    with_keys = chosen.model_copy(update={"authentication": "keys"})
    api.app.dependency_overrides[get_settings] = lambda: with_keys  # type: ignore[attr-defined]
    return api


def test_who_is_not_logged_in_is_asked_for_a_key_and_brought_back(guarded: TestClient) -> None:
    answer = guarded.get("/audits?cursor=abc", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Faudits%3Fcursor%3Dabc")
    form = guarded.get(answer.headers["location"]).text
    assert 'name="next" value="/audits?cursor=abc"' in form


def test_a_key_opens_the_pages_and_logging_out_closes_them(guarded: TestClient, database: Database) -> None:
    with database.transaction() as session:
        _, secret = keys.create(session, name="Grace", scope=Scope.READ, expires_at=None)
    own = {"Origin": "http://127.0.0.1"}
    form = {"key": secret, "next": "/audits"}
    assert guarded.post("/login", data=form, headers=own).url.path == "/audits"
    front = guarded.get("/")
    assert "Grace" in front.text
    assert 'action="/logout"' in front.text
    assert guarded.post("/logout", headers=own).url.path == "/login"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (None, "\N{EN DASH}")],
)
def test_lengths_of_time_are_for_people(value: float | None, text: str) -> None:
    assert rendering.format_duration(value) == text


def test_numbers_are_for_people() -> None:
    assert rendering.format_count(1234567) == "1,234,567"
    assert rendering.format_percent(0.1234) == "12.3\u202f%"
    assert [rendering.format_size(value) for value in (999, 1500, 2e9)] == ["999 B", "1.5 kB", "2.0 GB"]
