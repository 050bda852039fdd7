"""Arrays and pickles that run code, lie about their shape, or grow."""

import io
import os
import pickle
import struct
from functools import partial

import numpy as np

from tests.hostile.catalogue import BOMB, Files, hostile, zipped

PIXELS = np.zeros((30, 8, 8), dtype=np.uint8)
LABELS = np.arange(30) % 2
MARK = "/tmp/limit-audit-hostile-was-here"  # noqa: S108 - what must not appear


class Runs:
    """What runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {MARK}",)


def npz(**arrays: np.ndarray) -> Files:
    """Return an npz as it is meant to be."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return {"a.npz": buffer.getvalue()}


def npy(header: str, body: bytes = b"", *, length: int | None = None) -> bytes:
    """Return an array whose header says what it likes."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) if length is None else length) + text + body


def with_x(array: bytes) -> Files:
    """Return an npz with this as its content."""
    buffer = io.BytesIO()
    np.save(buffer, LABELS)
    return {"a.npz": zipped({"x.npy": array, "y.npy": buffer.getvalue()})}


def with_header(header: str) -> Files:
    """Return an archive whose array has this header."""
    return with_x(npy(header, bytes(1000)))


for label, header in {
    "shape of a tebibyte": "{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 8, 8), }",
    "shape beyond 64 bits": "{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551616, 8), }",
    "negative shape": "{'descr': '|u1', 'fortran_order': False, 'shape': (-30, 8, 8), }",
    "shape of thirty dimensions": "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }" % ("1, " * 30),
    "code in its header": f"__import__('os').system('touch {MARK}')",
    "dtype of records": "{'descr': [('a', '|O'), ('b', '<f8')], 'fortran_order': False, 'shape': (30,), }",
    "dtype of a gibibyte": "{'descr': '|V1073741824', 'fortran_order': False, 'shape': (30,), }",
    "header that is no dictionary": "[1, 2, 3]",
}.items():
    hostile(f"npz: {label}")(partial(with_header, header))

hostile("npz: header longer than the file")(lambda: with_x(npy("{", length=65_535)))
hostile("npz: deeply nested header")(lambda: with_x(npy("(" * 100 + ")" * 10)))
hostile("npz: bomb")(
    lambda: with_x(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (30, 8, 8), }", bytes(BOMB)))
)
hostile("npz: objects that run a command")(lambda: npz(x=PIXELS, y=np.array([Runs()] * 30, dtype=object)))
hostile("npz: pixels that run a command")(lambda: npz(x=np.array([Runs()] * 30, dtype=object), y=LABELS))
hostile("npz: lengths that differ")(lambda: npz(x=PIXELS, y=np.arange(31) % 2))
hostile("npz: nothing but nan")(lambda: npz(x=np.full((30, 4), np.nan), y=LABELS))
hostile("npz: infinite pixels")(lambda: npz(x=np.full((30, 8, 8), np.inf), y=LABELS))
hostile("npz: complex numbers")(lambda: npz(x=np.ones((30, 4), dtype=complex), y=LABELS))
hostile("npz: no samples")(lambda: npz(x=PIXELS[:0], y=LABELS[:0]))
hostile("npz: every label another")(lambda: npz(x=PIXELS, y=np.arange(30)))
hostile("npz: labels beyond 64 bits as floats")(lambda: npz(x=PIXELS, y=np.full(30, 1e300)))


def idx(*sides: int, body: bytes = b"") -> bytes:
    """Return an IDX file whose header says what it likes."""
    return struct.pack(f">HBB{len(sides)}I", 0, 8, len(sides), *sides) + body


def idx_pair(images: bytes, labels: bytes) -> Files:
    """Return pictures and labels as MNIST has them."""
    return {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels}


hostile("idx: four billion pictures")(
    lambda: idx_pair(idx(2**32 - 1, 2**16, 2**16, body=bytes(999)), idx(30, body=bytes(30)))
)
hostile("idx: cut off")(lambda: idx_pair(idx(30, 8, 8, body=bytes(100)), idx(30, body=bytes(30))))
hostile("idx: more labels than pictures")(
    lambda: idx_pair(idx(30, 8, 8, body=bytes(1920)), idx(40, body=bytes(40)))
)
hostile("idx: labels alone")(lambda: {"train-labels-idx1-ubyte": idx(30, body=bytes(30))})


def batch(**values: object) -> Files:
    """Return a CIFAR batch with whatever in it."""
    return {"data_batch_1": pickle.dumps({name.encode(): value for name, value in values.items()}, 2)}


hostile("pickle: runs a command")(lambda: {"data_batch_1": pickle.dumps(Runs(), 2)})
hostile("pickle: evaluates")(
    lambda: {"data_batch_1": b"\x80\x02cbuiltins\neval\nX\x0b\0\0\0__import__0\x85R."}
)
hostile("pickle: runs a command in a batch")(lambda: batch(data=Runs(), labels=[0, 1] * 15))
hostile("pickle: numpy's own loader")(lambda: {"data_batch_1": b"\x80\x02cnumpy\nload\nX\x01\0\0\0a\x85R."})
hostile("pickle: attribute of an attribute")(
    lambda: {"data_batch_1": b"\x80\x04\x8c\x05numpy\x8c\x0esys.modules.os\x93."}
)
hostile("pickle: objects in an array")(
    lambda: batch(data=np.array([{}] * 30, dtype=object), labels=[0, 1] * 15)
)
hostile("pickle: memo at two billion")(lambda: {"data_batch_1": b"\x80\x02]r\xff\xff\xff\x7f."})
hostile("pickle: text of eight exbibytes")(
    lambda: {"data_batch_1": b"\x80\x04\x8d" + (2**63 - 1).to_bytes(8, "little") + b"x."}
)
hostile("pickle: nested ten thousand times")(
    lambda: {"data_batch_1": b"\x80\x02" + b"](" * 10_000 + b"e" * 9_999 + b"."}
)
hostile("pickle: doubled thirty times")(
    lambda: {"data_batch_1": b"\x80\x02]q\0" + b"(h\0h\0tq\0" * 30 + b"."}
)


def colliding(count: int) -> list[bytes]:
    """Return pickled integers of one hash: Python's is the remainder by 2^61 - 1."""
    return [pickle.dumps((2**61 - 1) * n, 2)[2:-1] for n in range(count)]


hostile("pickle: keys that collide in a hash table")(
    lambda: {"data_batch_1": b"\x80\x02}(" + b"K\x01".join(colliding(20_000)) + b"K\x01u."}
)
hostile("pickle: members of a set that collide")(
    lambda: {"data_batch_1": b"\x80\x04\x8f(" + b"".join(colliding(20_000)) + b"\x90."}
)
hostile("pickle: places in the memo that collide")(
    lambda: {
        "data_batch_1": b"\x80\x02K\x01"
        + b"".join(b"p%d\n" % ((2**61 - 1) * n) for n in range(20_000))
        + b"."
    }
)
hostile("pickle: refers to something outside")(lambda: {"data_batch_1": b"\x80\x02X\x01\0\0\0aQ."})
hostile("pickle: extension code")(lambda: {"data_batch_1": b"\x80\x02\x82\x01."})
hostile("pickle: shape of a tebibyte")(
    lambda: {
        "data_batch_1": pickle.dumps({b"labels": [0, 1] * 15}, 2)[:-1]
        + b"U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
        + b"(K\x01\x8a\x06\0\0\0\0\0\x01K\x01\x86cnumpy\ndtype\nU\x02u1K\0K\x01\x87R\x89U\x01xtbs."
    }
)
hostile("pickle: batch without labels")(lambda: batch(data=np.zeros((30, 12), dtype=np.uint8)))
hostile("cifar binary: half a record")(lambda: {"data_batch_1.bin": bytes(3073 * 12 + 1000)})
