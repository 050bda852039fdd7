"""Labels of a Parquet column with categories, whose order may mean something: low, mid, high.

Readers put the categories of all batches together in the order in which they first appear.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyarrow import parquet

from app.infra.errors import Invalid


def list_categories(file: parquet.ParquetFile, column: int, batch_rows: int) -> list[object]:
    """Return the categories of a column as readers put them together, also those that no row has."""
    name, found = file.schema_arrow.field(column).name, dict[object, None]()
    dictionary = None
    for batch in file.iter_batches(batch_rows, columns=[name], use_threads=False):
        labels = batch.column(0)
        if dictionary is None or not labels.dictionary.equals(dictionary):
            dictionary = labels.dictionary
            found |= dict.fromkeys(dictionary.to_pylist())
    return list(found)


def replace_categories(
    given: pa.DictionaryArray, new: Mapping[int, object], categories: Sequence[object]
) -> pa.DictionaryArray:
    """Return a column with other categories in some rows.

    All others keep their number. What the column lacks is added at its end: if there is an order, first the
    file's other categories, so that it is the same for whoever puts the batches together.

    Args:
        given: of a batch.
        new: categories by row.
        categories: of the whole file, if they have an order.

    Raises:
        Invalid: the column's type has no number left for another category.

    """
    known = {value: number for number, value in reversed([*enumerate(given.dictionary.to_pylist())])}
    if any(value not in known for value in new.values()):
        added = [value for value in dict.fromkeys([*categories, *new.values()]) if value not in known]
        dictionary = pa.concat_arrays([given.dictionary, pa.array(added, given.type.value_type)])
        known |= {value: len(given.dictionary) + at for at, value in enumerate(added)}
    else:
        dictionary = given.dictionary
    numbers = given.indices.to_pylist()
    for row, value in new.items():
        numbers[row] = known[value]
    try:
        indices = pa.array(numbers, given.type.index_type)
    except pa.ArrowInvalid as error:
        raise Invalid(
            f"the label column of type {given.type} has no number for one of {len(dictionary)} categories;"
            " use format=npz"
        ) from error
    return pa.DictionaryArray.from_arrays(indices, dictionary, ordered=given.type.ordered)
