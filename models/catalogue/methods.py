"""The training methods by name: what a service must know of them without loading a network."""

METHODS = (
    "limit",
    "limit_c",
    "limit_g",
    "limit_l",
    "ce",
    "ce_gn",
    "ce_ln",
    "mae",
    "fw",
    "dmi",
    "soft_regularisation",
)
"""LIMIT with its loss chosen while it trains, or with a categorical, Gaussian or Laplace predictor; then the
other methods of the paper's Table 1. "+S" is `sample_gradients`, "+ init." an `initial_state`."""

NEEDS_PARENT = frozenset({"fw", "dmi"})
"""Methods that start from the best model of a "ce" run: without an `initial_state` they are refused."""
