"""Renders and validates the chart; runs in an environment of its own (see __main__)."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import yaml
from cloudcoil.models.keda import v1alpha1 as keda

KUBERNETES = ("1.27", "1.32", "1.36")
"""The oldest that the chart accepts, and newer ones."""
KEDA_KINDS = {"ScaledObject": keda.ScaledObject, "TriggerAuthentication": keda.TriggerAuthentication}
REFUSED: dict[str, dict[str, Any]] = {
    "no storage": {},
    "two storages": {"storage": {"url": "s3://a", "existingClaim": "b"}},
    "an ingress without a host": {"storage": {"url": "s3://a"}, "api": {"ingress": {"enabled": True}}},
    "an unknown value": {"storage": {"url": "s3://a"}, "imgae": {}},
    "a pool without a name": {"storage": {"url": "s3://a"}, "training": [{"gpus": 1}]},
}
"""Values that must not be rendered."""


def render(chart: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of the chart."""
    with helm.Chart.load(str(chart)) as loaded:
        loaded.validate_schema(values)
        files = loaded.render(values, name="demo", namespace="audits")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def validate(found: dict[str, Any], version: str) -> None:
    """Raise unless an object is what Kubernetes or KEDA takes, with no unknown field."""
    if found["kind"] not in KEDA_KINDS:
        kubernetes_validate.validate(found, version, strict=True)
        return
    read = KEDA_KINDS[found["kind"]].model_validate(found)
    written = read.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    if written["spec"] != found["spec"]:
        raise ValueError(f"expected what KEDA reads, {written['spec']}; found {found['spec']}")


def check_validators(objects: list[dict[str, Any]]) -> None:
    """Raise unless the validators find a misspelt field in every kind of object."""
    for found in objects:
        broken = {**found, "spec": {**found["spec"], "misspelt": 1}}
        try:
            validate(broken, KUBERNETES[0])
        except (ValueError, kubernetes_validate.ValidationError):
            continue
        raise ValueError(f"a misspelt field of {found['kind']} is not found")


def check_connections(objects: list[dict[str, Any]]) -> None:
    """Raise unless selectors, scaled Deployments and mounted volumes exist."""
    named = {(found["kind"], found["metadata"]["name"]) for found in objects}
    if len(named) != len(objects):
        raise ValueError("two objects have one name")
    for found in objects:
        if found["kind"] == "Deployment":
            template, selector = found["spec"]["template"], found["spec"]["selector"]["matchLabels"]
            if not selector.items() <= template["metadata"]["labels"].items():
                raise ValueError(f"{found['metadata']['name']} does not select its own pods")
            volumes = {volume["name"] for volume in template["spec"]["volumes"]}
            for container in template["spec"]["containers"]:
                if {mount["name"] for mount in container["volumeMounts"]} != volumes:
                    raise ValueError(f"{found['metadata']['name']} mounts other volumes than it has")
        if found["kind"] == "ScaledObject":
            target = ("Deployment", found["spec"]["scaleTargetRef"]["name"])
            if target not in named:
                raise ValueError(f"{found['metadata']['name']} scales {target}, which does not exist")
            scaled = next(one for one in objects if (one["kind"], one["metadata"]["name"]) == target)
            if "replicas" in scaled["spec"]:
                raise ValueError(f"{target} has a fixed number of replicas beside KEDA's")


def main() -> int:
    """Lint, render and validate; print what was."""
    folder = Path(sys.argv[1])
    chart = folder / "limit-audit"
    examples = sorted((folder / "examples").glob("*.yaml"))
    sys.stdout.write(f"Helm {helm.helm_sdk_version()}\n")
    for example in examples:
        values = yaml.safe_load(example.read_text(encoding="utf-8"))
        lint = helm.lint(str(chart), values, strict=True)
        if lint["errors"]:
            sys.exit(f"{example.name}: {lint}")
        objects = render(chart, values)
        for version in KUBERNETES:
            for found in objects:
                validate(found, version)
        check_validators(objects)
        check_connections(objects)
        kinds = ", ".join(
            f"{count} {kind}" for kind, count in Counter(one["kind"] for one in objects).items()
        )
        sys.stdout.write(f"{example.name}: {kinds}; valid for Kubernetes {', '.join(KUBERNETES)}\n")
    for reason, values in REFUSED.items():
        try:
            render(chart, values)
        except helm.HelmError as error:
            sys.stdout.write(f"refused, {reason}: {str(error).splitlines()[0][-110:]}\n")
            continue
        sys.exit(f"{reason} was rendered")
    return 0 if len(examples) == 3 else 1


if __name__ == "__main__":
    sys.exit(main())
