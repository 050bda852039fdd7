"""An audit judged by limits, as pipelines do: the figures and the rules on them; no HTTP, no command line."""
