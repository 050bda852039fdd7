"""The card of an encoder of texts, for tests that load none."""

from models.catalogue.encoders import TextEncoderFacts

WORDS = TextEncoderFacts(
    name="words",
    library="onnx",
    model="vectors",
    width=8,
    length=16,
    licence="MIT",
    source="here",
    files={},
)
