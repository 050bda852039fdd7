"""Arrays: npz, IDX, CIFAR, and the depth of pixels."""

import gzip
import io
import pickle
import struct
import zlib

import numpy as np
from PIL import Image

from tests.files.shapes import CLASSES, COUNT, NAMES, PIXELS, VALUES, Expected, add, npz, zipped

NUMBERS = np.arange(COUNT) % 2
CLASS_NAMES = ["cat", "dog"]


def arrays(**others: object) -> dict[str, bytes]:
    """Return an npz of pictures."""
    return {"d.npz": npz(x=PIXELS, **others)}


add("npz: truth values", arrays(y=NUMBERS == 1), Expected(classes=["False", "True"], spelled=[False, True]))
add(
    "npz: class names",
    arrays(y=NUMBERS, class_names=np.array(CLASS_NAMES)),
    Expected(given=NAMES, spelled=[0, 1]),
)
add(
    "npz: class names as bytes",
    arrays(y=NUMBERS, class_names=np.array([b"cat", b"dog"])),
    Expected(given=NAMES, spelled=[0, 1]),
)
add(
    "npz: class names with blanks",
    arrays(y=NUMBERS, class_names=np.array(["cat ", "dog "])),
    Expected(given=NAMES, spelled=[0, 1]),
)
add(
    "npz: class names as floats",
    arrays(y=NUMBERS, class_names=np.array([1.0, 2.5])),
    Expected(classes=["1", "2.5"], spelled=[0, 1]),
)
add(
    "npz: a class named nan",
    arrays(y=NUMBERS, class_names=np.array(["nan", "dog"])),
    Expected(classes=["nan", "dog"], spelled=[0, 1]),
)
add(
    "npz: labels as whole floats",
    arrays(y=NUMBERS.astype(float), class_names=np.array(CLASS_NAMES)),
    Expected(given=NAMES),
)
add(
    "npz: labels as bytes",
    arrays(y=np.array([name.encode() for name in NAMES])),
    Expected(given=NAMES, spelled=[{"bytes": "Y2F0"}, {"bytes": "ZG9n"}]),
)
add("npz: labels in one column", arrays(y=NUMBERS[:, None]), Expected(classes=["0", "1"]))
add(
    "npz: one-hot labels, as Keras makes them",
    arrays(y=np.eye(2)[NUMBERS]),
    Expected(classes=["0", "1"], notes=["one_hot"]),
)
add(
    "npz: y and labels",
    arrays(y=NUMBERS, labels=np.array(NAMES)),
    Expected(given=NAMES, notes=["label_chosen"]),
)
add(
    "npz: features",
    {"d.npz": npz(x=VALUES, y=NUMBERS, feature_names=np.array(["a", "b", "c"]))},
    Expected(features=["a", "b", "c"]),
)
add("depth: uint16 up to 255", {"d.npz": npz(x=PIXELS.astype(np.uint16), y=NUMBERS)}, Expected(levels=200))
add(
    "depth: uint16 up to 4095",
    {"d.npz": npz(x=PIXELS.astype(np.uint16) * 16, y=NUMBERS)},
    Expected(levels=200),
)
add("depth: int32 up to 300", {"d.npz": npz(x=PIXELS.astype(np.int32) + 45, y=NUMBERS)}, Expected(levels=100))
add("depth: floats up to 1", {"d.npz": npz(x=PIXELS / 255, y=NUMBERS)}, Expected(levels=200))
add(
    "depth: floats from -1 to 1",
    {"d.npz": npz(x=PIXELS / 127.5 - 1, y=NUMBERS)},
    Expected(refused="pixel_range", says=["scale"]),
)


def deep(scale: int, dtype: type[np.generic], kind: str = "PNG", *, last: int = 1) -> dict[str, bytes]:
    """Return class folders of pictures of more than 8 bits; the last one is `last` times as bright."""
    members = {}
    for row in range(COUNT):
        buffer = io.BytesIO()
        pixels = PIXELS[row].astype(dtype) * scale * (last if row == COUNT - 1 else 1)
        Image.fromarray(pixels.astype(dtype)).save(buffer, kind)
        members[f"{NAMES[row]}/{row}.{kind.lower()}"] = buffer.getvalue()
    return {"d.zip": zipped(members)}


add("depth: 16-bit PNG up to 255", deep(1, np.uint16), Expected(levels=200))
add("depth: 16-bit PNG up to 4095", deep(16, np.uint16), Expected(levels=200))
add("depth: 16-bit PNG up to 65535", deep(257, np.uint16), Expected(levels=200))
add("depth: 32-bit TIFF, one picture brighter", deep(1, np.int32, "TIFF", last=2), Expected(levels=100))


def deep_colour() -> bytes:
    """Return a PNG of 16 bits a channel, which Pillow cannot write."""
    rows = b"".join(b"\0" + np.repeat(PIXELS[0, row], 3).astype(">u2").tobytes() for row in range(6))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 6, 6, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


add(
    "depth: 16-bit colour PNG, said",
    {"d.zip": zipped({f"{NAMES[row]}/{row}.png": deep_colour() for row in range(COUNT)})},
    Expected(given=NAMES, notes=["deep_colour"]),
)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """Return an IDX file."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


add(
    "idx: MNIST",
    {
        "train-images-idx3-ubyte.gz": gzip.compress(idx(PIXELS)),
        "train-labels-idx1-ubyte.gz": gzip.compress(idx(NUMBERS.astype(np.uint8))),
    },
    Expected(classes=["0", "1"], spelled=[0, 1]),
)
QMNIST = np.tile(NUMBERS[:, None], (1, 8)).astype(">i4")
add(
    "idx: QMNIST",
    {"qmnist-train-images-idx3-ubyte": idx(PIXELS), "qmnist-train-labels-idx2-int": idx(QMNIST, 0x0C)},
    Expected(given=[str(number) for number in NUMBERS]),
)


def cifar100() -> dict[str, bytes]:
    """Return CIFAR-100's training batch and list of names."""
    batch = {
        "data": np.random.default_rng(8).integers(0, 256, (COUNT, 3072), dtype=np.uint8),
        "fine_labels": [row % 3 for row in range(COUNT)],
        "coarse_labels": [row % 2 for row in range(COUNT)],
    }
    meta = {"fine_label_names": ["a", "b", "c"], "coarse_label_names": list(CLASSES)}
    return {"train": pickle.dumps(batch, protocol=2), "meta": pickle.dumps(meta, protocol=2)}


add(
    "cifar-100: fine labels",
    cifar100(),
    Expected(given=["abc"[row % 3] for row in range(COUNT)], notes=["label_chosen"], says=["fine_labels"]),
)
add(
    "cifar-100: coarse labels, as the user says",
    cifar100(),
    Expected(given=NAMES),
    label_column="coarse_labels",
)
add(
    "cifar-100: labels that are not there",
    cifar100(),
    Expected(refused="bad_cifar", says=["'kind'", "'coarse_labels'"]),
    label_column="kind",
)
