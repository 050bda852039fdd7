"""The kinds of data, and which one an array is of."""

import numpy as np
import pytest

from models.catalogue.encoders import FACTS
from models.catalogue.kinds import FEATURES, IMAGES, KINDS, TABLES, find_kind


def test_a_kind_is_found_by_shape_and_dtype() -> None:
    assert find_kind((28, 28, 1)) is IMAGES
    assert find_kind([64], np.dtype(np.float32)) is FEATURES
    assert find_kind((4, 4, 3), np.dtype("uint8")) is IMAGES
    assert find_kind([64], np.dtype("float64")) is TABLES


@pytest.mark.parametrize(("shape", "dtype"), [((4, 4), None), ((4, 4, 3), "float32"), ((4,), "uint8")])
def test_samples_of_no_kind_are_refused(shape: tuple[int, ...], dtype: str | None) -> None:
    with pytest.raises(
        ValueError,
        match=r"uint8 \[N, H, W, C\] or float32 \[N, D\] or float64 \[N, D\] or int16 \[N, D\], not .*\[N, 4",
    ):
        find_kind(shape, dtype)


def test_every_encoder_takes_the_samples_of_a_kind() -> None:
    assert {kind.encoded_by for kind in KINDS.values()} == {None, *FACTS}
