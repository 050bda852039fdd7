"""Files that are refused, each with a word of the sentence that says why."""

import io
import zipfile
from typing import Any

import numpy as np


def zip_of(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npz_of(**arrays: Any) -> bytes:  # noqa: ANN401 - passed on as they are
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


PICTURES = np.zeros((30, 8, 8), dtype=np.uint8)
BAD = {
    "truncated.zip": (lambda good: good[: len(good) // 2], "zip"),
    "unsafe.zip": (lambda _: zip_of(**{"../x": b"1", "a/1.png": b"2"}), "../x"),
    "objects.npz": (lambda _: npz_of(x=PICTURES, y=np.array([{}] * 30, dtype=object)), "object"),
    "lengths.npz": (lambda _: npz_of(x=PICTURES, y=np.arange(31) % 2), "31"),
    "one_class.npz": (lambda _: npz_of(x=PICTURES, y=np.zeros(30, dtype=int)), "class"),
    "nan.csv": (lambda _: b"a,label\n" + b"nan,x\nnan,y\n" * 20, "usable"),
}
