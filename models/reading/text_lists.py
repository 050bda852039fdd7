"""Lists: text files with a path and a label in each line."""


def parse_line(line: str) -> tuple[str, str | None]:
    """Return path and label of a line: the text after the last tab, else the last word."""
    text = line.strip()
    path, _, label = text.rpartition("\t") if "\t" in text else text.rpartition(" ")
    return (path.strip(), label.strip()) if path else (label, None)


def format_line(path: str, label: str, *, like: str) -> str:
    """Return a line with another label, written as `like` is; with a tab where a blank would be unclear."""
    end = like[len(like.rstrip("\r\n")) :]
    has_tab = "\t" in like.strip() or any(character.isspace() for character in label)
    return f"{path}{chr(9) if has_tab else ' '}{label}{end}"
