"""The training methods by name: all that app, worker and models decide by a method's name stands here.

"+S" is the field `sample_gradients`, "+ init." the audit's `initialise`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Grid = Mapping[str, Sequence[float]]
Noise = Literal["gaussian", "laplace"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """What is known of a method without loading a network."""

    name: str
    """In a configuration."""
    title: str
    """For people, as the page of a new audit offers it."""
    paper_name: str
    """As the paper's tables call it."""
    own_fields: frozenset[str] = frozenset()
    """Fields of a training that mean nothing to some other methods and something to this one."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """Fields whose default differs from that of other methods."""
    grid: Grid = field(default_factory=dict)
    """The paper's hyper-parameter grid (appendix B); empty: it has no hyper-parameters."""
    sampled_grid: Grid = field(default_factory=dict)
    """What the paper's grid has besides with "+S"."""
    gradient_noise: tuple[Noise, ...] = ()
    """The noise that "+S" adds; two where the loss is chosen while it trains. Empty: there is no "+S"."""
    needs_parent: bool = False
    """Whether it starts from the best model of a "ce" run; without one it is refused."""
    estimates_transitions: bool = False
    """Whether it learns from its parent's model how labels were changed."""
    has_output_bias: bool = True
    """Whether the classifier's last layer has a bias; without one it cannot start from a "ce" run."""
    has_fixed_kernels: bool = False
    """Whether every step is the same GPU kernels, so that they can be recorded: no step draws random numbers
    or looks at a number on the way."""


OWN_OF_LIMIT = frozenset({"beta", "sample_gradients", "noise_lambda", "warm_up_epochs"})
BETA: Grid = {"beta": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)}
GAUSSIAN: Grid = {"noise_lambda": (5.0, 50.0, 500.0, 5000.0)}
LAPLACE: Grid = {"noise_lambda": (5.0, 10.0, 30.0, 100.0)}
NOISE: Grid = {"noise_std": (0.01, 0.03, 0.1, 0.3)}

TRAINED = (
    Method(
        name="limit",
        title="LIMIT, gradients chosen while it trains (the default)",
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
    title="Nothing is trained: your own probabilities, as attached",
    paper_name="attached probabilities",
)
"""The method that trains nothing: it ranks the probabilities that were attached to a dataset."""

METHODS: Mapping[str, Method] = {method.name: method for method in TRAINED}
"""LIMIT with its loss chosen while it trains, or with a categorical, Gaussian or Laplace predictor; then the
other methods of the paper's Table 1."""
ALL_METHODS: Mapping[str, Method] = {**METHODS, EXTERNAL.name: EXTERNAL}
"""The same with the method that trains nothing."""
DEFAULT_METHOD = "limit"
PARENT_METHOD = "ce"
"""What other methods start from."""
OWN_FIELDS = frozenset().union(*(method.own_fields for method in TRAINED))
"""Fields that only some methods know."""


def knows_field(method: str | None, name: str) -> bool:
    """Return whether a field means something to a method; to one that is still chosen, every field does."""
    return method is None or name not in OWN_FIELDS or name in METHODS[method].own_fields


def paper_grid(method: str | None, *, samples: bool) -> Grid:
    """Return the paper's grid for a method; one that is still chosen is one of LIMIT's.

    Args:
        method: a name, None for the default.
        samples: whether it trains on samples of the gradients ("+S").

    """
    if method is None:
        return BETA
    found = METHODS[method]
    return {**found.grid, **(found.sampled_grid if samples else {})}
