"""Pickles of plain containers and byte arrays, read without running anything they name.

NumPy's constructors are never called: stand-ins store the fields of a pickled array, and the array is built
only if its dtype is plain bytes. The interpreter is the standard library's in Python: the one in C allocates
memory for any index that a hostile pickle contains. Keys of dictionaries and members of sets must be texts:
numbers can be chosen so that they collide in a hash table, and then each costs as much as all before it.
"""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from numpy.typing import NDArray

_ERRORS = (
    *(
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        AssertionError,
    ),
    *(struct.error, OverflowError, MemoryError, RecursionError, ImportError, NameError),
)
_MOST_PLACES = 2**32
"""Of the memo, as the binary opcodes count them; the one in text could name any number, to collide."""


class _Dtype:
    """A pickled dtype."""

    def __init__(self, code: object = None, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and alignment, which bytes do not have."""


class _Array:
    """A pickled array."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def build(self) -> NDArray[np.uint8]:
        """Build the array; ValueError unless it is bytes in C or Fortran order."""
        state = self.state
        if not isinstance(state, tuple) or len(state) != 5:  # noqa: PLR2004 - version, shape, dtype, order, data
            raise ValueError("an array without its state")
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or dtype.code not in ("u1", b"u1"):
            raise ValueError("an array whose dtype is not uint8")
        if not isinstance(data, bytes) or not all(isinstance(side, int) for side in shape):
            raise ValueError("an array without plain bytes")
        return np.frombuffer(data, dtype=np.uint8).reshape(shape, order="F" if fortran else "C")


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _read_buffer(data: object, dtype: object, shape: object, order: object) -> _Array:
    """Make an array as protocol 5 writes it."""
    array = _Array()
    array.state = (
        1,
        shape,
        dtype,
        order == "F",
        bytes(data) if isinstance(data, bytes | bytearray) else None,
    )
    return array


def _encode_latin1(text: object, encoding: object = "latin1") -> bytes:
    """Return bytes as protocol 2 of Python 3 writes them."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("a text whose encoding is not latin1")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _read_buffer,
    ("numpy._core.numeric", "_frombuffer"): _read_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode_latin1,
}


def _guard(opcode: bytes, choose_keys: Callable[[list[object]], list[object]]) -> Callable[[Any], None]:
    """Return the interpreter's function for an opcode, which refuses keys that are no texts."""
    load = pickle._Unpickler.dispatch[opcode[0]]  # noqa: SLF001 - see the module's docstring

    def load_guarded(unpickler: Any) -> None:  # noqa: ANN401 - its fields have no types
        for key in choose_keys(unpickler.stack):
            if not isinstance(key, str | bytes):
                raise TypeError(f"a {type(key).__name__} as a key, where a text belongs")
        load(unpickler)

    return load_guarded


def _load_put(unpickler: Any) -> None:  # noqa: ANN401 - its fields have no types
    place = int(unpickler.readline()[:-1])
    if not 0 <= place < _MOST_PLACES:
        raise ValueError("a memo with a place beyond 32 bits")
    unpickler.memo[place] = unpickler.stack[-1]


_GUARDED = {  # the stack holds what is above the last mark
    pickle.SETITEM: lambda stack: stack[-2:-1],
    pickle.SETITEMS: lambda stack: stack[::2],
    pickle.DICT: lambda stack: stack[::2],
    pickle.ADDITEMS: lambda stack: stack,
    pickle.FROZENSET: lambda stack: stack,
}


class _Unpickler(pickle._Unpickler):  # noqa: SLF001 - see the module's docstring
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,  # noqa: SLF001
        **{opcode[0]: _guard(opcode, choose) for opcode, choose in _GUARDED.items()},
        pickle.PUT[0]: _load_put,
    }

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise IngestError(
                "unsafe_pickle",
                "expected a pickle of dicts, lists, texts, numbers and uint8 arrays; "
                f"found {make_printable(f'{module}.{name}')!r}, which is not loaded",
            ) from None

    def persistent_load(self, _: Any) -> Any:  # noqa: ANN401
        raise ValueError("a reference to an object outside the pickle")


def load_plain(file: BinaryIO, name: str) -> dict[str, Any]:
    """Read a pickled dictionary of text keys and uint8 arrays; IngestError for anything else."""
    try:
        value = _Unpickler(file, encoding="bytes").load()
        if not isinstance(value, dict):
            raise TypeError(f"a {type(value).__name__}")
        return {_decode_key(key): _build_plain(item) for key, item in value.items()}
    except IngestError:
        raise
    except _ERRORS as error:
        raise IngestError(
            "bad_pickle",
            f"expected a CIFAR batch (a dictionary) in {make_printable(name)!r}; "
            f"found: {make_printable(str(error))}",
        ) from None


def _decode_key(key: str | bytes) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else key


def _build_plain(value: object) -> object:
    return value.build() if isinstance(value, _Array) else value
