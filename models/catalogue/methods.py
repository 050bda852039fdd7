"""The training methods by name. app, worker and models read every fact that depends on the method here.

The paper's "+S" is the field `sample_gradients`; its "+ init." is the audit's `initialise`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Grid = Mapping[str, Sequence[float]]
Noise = Literal["gaussian", "laplace"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """The facts of a method that are needed without its code."""

    name: str
    """Its name in a configuration."""
    title: str
    """Its name on the page of a new audit."""
    paper_name: str
    """Its name in the paper's tables."""
    own_fields: frozenset[str] = frozenset()
    """Fields of a training that this method uses and some other methods do not."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """Defaults that differ from those of other methods, by field."""
    grid: Grid = field(default_factory=dict)
    """The paper's hyper-parameter grid (appendix B); empty: the method has no hyper-parameters."""
    sampled_grid: Grid = field(default_factory=dict)
    """The hyper-parameters that "+S" adds to the grid."""
    gradient_noise: tuple[Noise, ...] = ()
    """The noise that "+S" adds; two if the loss is chosen during training. Empty: there is no "+S"."""
    needs_parent: bool = False
    """Whether it must start from the best model of a "ce" run."""
    estimates_transitions: bool = False
    """Whether it estimates the label transition matrix with its parent's model."""
    has_output_bias: bool = True
    """Whether the classifier's last layer has a bias."""
    needs_whole_batch: bool = False
    """Whether its loss is not a mean over samples: every batch needs every class, and devices cannot share
    it."""
    has_fixed_kernels: bool = False
    """Whether every step runs the same GPU kernels, so that they can be recorded: no step draws random
    numbers or reads a number back from the device."""


OWN_OF_LIMIT = frozenset({"beta", "sample_gradients", "noise_lambda", "warm_up_epochs"})
BETA: Grid = {"beta": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)}
GAUSSIAN: Grid = {"noise_lambda": (5.0, 50.0, 500.0, 5000.0)}
LAPLACE: Grid = {"noise_lambda": (5.0, 10.0, 30.0, 100.0)}
NOISE: Grid = {"noise_std": (0.01, 0.03, 0.1, 0.3)}

TRAINED = (
    Method(
        name="limit",
        title="LIMIT, gradients chosen during training (the default)",
        paper_name="LIMIT",
        own_fields=OWN_OF_LIMIT,
        grid=BETA,
        sampled_grid=GAUSSIAN,
        gradient_noise=("gaussian", "laplace"),
        has_fixed_kernels=True,
    ),
    Method(
        name="limit_c",
        title="LIMIT, predictor fitted to the labels",
        paper_name="LIMIT_C",
        own_fields=OWN_OF_LIMIT,
        grid=BETA,
        sampled_grid=GAUSSIAN,
        gradient_noise=("gaussian",),
        has_fixed_kernels=True,
    ),
    Method(
        name="limit_g",
        title="LIMIT, Gaussian gradients",
        paper_name="LIMIT_G",
        own_fields=OWN_OF_LIMIT,
        grid=BETA,
        sampled_grid=GAUSSIAN,
        gradient_noise=("gaussian",),
        has_fixed_kernels=True,
    ),
    Method(
        name="limit_l",
        title="LIMIT, Laplace gradients",
        paper_name="LIMIT_L",
        own_fields=OWN_OF_LIMIT,
        defaults={"beta": 3.0},
        grid=BETA,
        sampled_grid=LAPLACE,
        gradient_noise=("laplace",),
        has_fixed_kernels=True,
    ),
    Method(
        name="ce",
        title="Cross-entropy, the plain network",
        paper_name="CE",
        has_fixed_kernels=True,
    ),
    Method(
        name="ce_gn",
        title="Cross-entropy with Gaussian gradient noise",
        paper_name="CE + GN",
        own_fields=frozenset({"noise_std"}),
        grid=NOISE,
    ),
    Method(
        name="ce_ln",
        title="Cross-entropy with Laplace gradient noise",
        paper_name="CE + LN",
        own_fields=frozenset({"noise_std"}),
        grid=NOISE,
    ),
    Method(name="mae", title="Mean absolute error", paper_name="MAE", has_fixed_kernels=True),
    Method(
        name="fw",
        title="Forward correction",
        paper_name="FW",
        needs_parent=True,
        estimates_transitions=True,
    ),
    Method(
        name="dmi",
        title="Determinant-based mutual information",
        paper_name="DMI",
        # From the middle of its grid: it starts from a trained model and is sensitive to the learning rate.
        defaults={"learning_rate": 1e-4},
        grid={"learning_rate": (1e-3, 1e-4, 1e-5, 1e-6)},
        needs_parent=True,
        needs_whole_batch=True,
    ),
    Method(
        name="soft_regularisation",
        title="Soft regularisation of LIMIT's bound",
        paper_name="Soft reg. (8)",
        own_fields=frozenset({"beta", "soft_lambda", "warm_up_epochs"}),
        defaults={"beta": 0.01},
        grid={"soft_lambda": (0.001, 0.01, 0.03, 0.1), "beta": (0.0, 0.01, 0.1, 1.0, 10.0)},
        has_output_bias=False,
    ),
)
EXTERNAL = Method(
    name="probabilities",
    title="Your own probabilities, as attached; nothing is trained",
    paper_name="attached probabilities",
)
"""The method without training: it ranks the probabilities that were attached to a dataset."""

METHODS: Mapping[str, Method] = {method.name: method for method in TRAINED}
"""LIMIT with a loss chosen during training, or with a categorical, Gaussian or Laplace predictor; then the
other methods of the paper's Table 1."""
ALL_METHODS: Mapping[str, Method] = {**METHODS, EXTERNAL.name: EXTERNAL}
"""All methods, with the one that trains nothing."""
DEFAULT_METHOD = "limit"
PARENT_METHOD = "ce"
"""The method whose model other methods start from."""
OWN_FIELDS = frozenset().union(*(method.own_fields for method in TRAINED))
"""Fields that only some methods use."""


def has_field(method: str | None, name: str) -> bool:
    """Return whether a method uses a field; True for None, a method that is not chosen yet."""
    return method is None or name not in OWN_FIELDS or name in METHODS[method].own_fields


def get_paper_grid(method: str | None, *, samples: bool) -> Grid:
    """Return the paper's grid for a method.

    Args:
        method: the method's name; None: not chosen yet, which gives LIMIT's grid.
        samples: whether it trains on samples of the gradients ("+S").

    """
    if method is None:
        return BETA
    facts = METHODS[method]
    return {**facts.grid, **(facts.sampled_grid if samples else {})}
