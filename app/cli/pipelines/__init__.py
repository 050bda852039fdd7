"""Commands for people's pipelines: the gate, and the record of an audit with its check."""
