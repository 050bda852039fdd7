"""The error of an invalid configuration."""


class InvalidConfiguration(ValueError):
    """No training can have this configuration; the message says what was expected and what was found."""

    def __init__(self, sentence: str, *fields: str) -> None:
        """Take the sentence and the fields at fault, the most likely one first."""
        super().__init__(sentence)
        self.fields = fields
