"""Folders around class folders: which are certainly no classes, and which classes may be none."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from worker.formats.archives.split_names import GENERIC_WORDS, SPLITS, split_words
from worker.formats.shared.columns import quote_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.formats.layouts.class_levels import ClassLevel, FolderContent
    from worker.formats.shared.understanding import Understanding

_LEAST = 2
"""Splits, or classes, that make a set."""
_SHOWN = 5


def list_affixed_splits(folders: Mapping[str, FolderContent]) -> set[str]:
    """Return all folders if they differ by the word of a split only, as asl_train and asl_test; else none."""
    words = [split_words(name) for name in folders]
    rests = {tuple(word for word in each if word not in SPLITS) for each in words}
    splits = [tuple(word for word in each if word in SPLITS) for each in words]
    is_set = len(folders) >= _LEAST and len(rests) == 1 and all(splits) and len(set(splits)) == len(splits)
    return set(folders) if is_set and any(folder.below for folder in folders.values()) else set()


def leave_out_copies(
    folders: Mapping[str, FolderContent], found: ClassLevel, understood: Understanding
) -> ClassLevel:
    """Leave out a folder beside the classes that only holds folders of their names."""
    classes = {name for name, folder in folders.items() if folder.has_pictures}
    copies = {
        name
        for name, folder in folders.items()
        if not folder.has_pictures and len(folder.below) >= _LEAST and folder.below <= classes
    }
    for name in sorted(copies):
        inside = quote_names(sorted(folders[name].below)[:_SHOWN])
        understood.note(
            "folder_ignored",
            f"the pictures in {name!r} were left out: its folders ({inside}) have the names of the classes "
            "beside it",
            option="class_folder",
        )
    return replace(found, ignored=found.ignored | copies)


def leave_out_bare_splits(paths: Sequence[str], found: ClassLevel, understood: Understanding) -> ClassLevel:
    """Leave out splits without class folders, or with one folder such as "images" that others lack."""
    of_split = list_split_classes(paths, found)
    bare = {split for split, names in of_split.items() if _is_bare(split, of_split)}
    for split in sorted(bare):
        inside = quote_names(sorted(name for name in of_split[split] if name))
        understood.note(
            "folder_ignored",
            f"the pictures in {split!r} were left out: the folder has no class folders beside splits that do"
            + ("" if inside == "none" else f", only {inside}"),
            option="class_folder",
        )
    return replace(found, ignored=found.ignored | bare)


def _is_bare(split: str, of_split: Mapping[str, set[str]]) -> bool:
    others: set[str] = set().union(*(names for each, names in of_split.items() if each != split))
    if len(of_split[split]) != 1 or len(others - {""}) < _LEAST:
        return False
    (name,) = of_split[split]
    words = split_words(name)
    return not name or (name not in others and bool(words) and all(word in GENERIC_WORDS for word in words))


def list_split_classes(paths: Sequence[str], found: ClassLevel) -> dict[str, set[str]]:
    """Return the names of class folders in each split; "" for pictures outside of any."""
    of_split: dict[str, set[str]] = defaultdict(set)
    for parts in _split_paths(paths, found):
        of_split[parts[0]].add(parts[found.level] if len(parts) > found.level + 1 else "")
    return of_split


def _split_paths(paths: Sequence[str], found: ClassLevel) -> Iterator[list[str]]:
    return (parts for path in paths if (parts := path.split("/"))[0] not in found.ignored)


def note_uneven_splits(paths: Sequence[str], found: ClassLevel, understood: Understanding) -> None:
    """Note the classes that one of several splits has alone: they may be folders of another kind."""
    of_split = list_split_classes(paths, found)
    for split, names in sorted(of_split.items()):
        others: set[str] = set().union(*(each for name, each in of_split.items() if name != split))
        alone = sorted(names - others - {""})
        if others - {""} and alone:
            more = f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
            understood.note(
                "classes_in_one_split",
                f"{quote_names(alone[:_SHOWN])}{more} occur in {split!r} only: are these classes?",
                option="class_folder",
            )


@dataclass(kw_only=True)
class _ClassFolder:
    below: set[str] = field(default_factory=set)
    has_pictures: bool = False
    is_deep: bool = False
    """Folders lie in its folders."""


def note_wrappers(paths: Sequence[str], found: ClassLevel, understood: Understanding) -> None:
    """Note the classes whose pictures all lie deeper, in folders that repeat a name or are splits."""
    classes: dict[str, _ClassFolder] = defaultdict(_ClassFolder)
    for parts in _split_paths(paths, found):
        inside = parts[found.level + 1 :]
        if inside:
            folder = classes[parts[found.level]]
            folder.has_pictures |= len(inside) == 1
            folder.is_deep |= len(inside) > 2  # noqa: PLR2004 - a folder and a picture
            folder.below.update(inside[:1] if len(inside) > 1 else ())
    doubtful = {name: folder for name, folder in classes.items() if _is_wrapper(name, folder, classes)}
    for name, folder in sorted(doubtful.items())[:_SHOWN]:
        listed = quote_names(sorted(folder.below)[:_SHOWN])
        understood.note(
            "class_holds_folders",
            f"all pictures of the class {name!r} lie deeper, in {listed}: "
            f"if the classes lie there, upload with class_folder={found.level + 2} (or more), or only that "
            "folder",
            option="class_folder",
        )


def _is_wrapper(name: str, folder: _ClassFolder, classes: Mapping[str, _ClassFolder]) -> bool:
    if folder.has_pictures or not folder.below:
        return False
    repeats = {each.casefold() for each in folder.below} == {name.casefold()}
    if repeats:
        # Each class in a folder of its own name, as cat/cat and dog/dog, leaves no doubt.
        return folder.is_deep or any(each.has_pictures for each in classes.values())
    if folder.below <= classes.keys() - {name}:
        return True
    return all(SPLITS.intersection(split_words(each)) for each in folder.below)
