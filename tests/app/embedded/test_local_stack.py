from pathlib import Path

import pytest

from app.embedded.data_folder import StartError
from app.embedded.local_stack import LocalStack


def test_the_environment_of_a_service_that_was_not_started_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=f"the service in {tmp_path} was not started"):
        _ = LocalStack(tmp_path).environment
