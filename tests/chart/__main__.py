"""`make chart`: render the chart with Helm for three sets of values, and validate every object.

Helm is helm-python-sdk, Helm's own Go library as a wheel. kubernetes-validate has the schemas of Kubernetes,
cloudcoil-models-keda those of KEDA. They are installed into `--tools`, as they take 370 MB.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CHART = HERE.parents[1] / "deploy" / "helm"
PACKAGES = (
    "helm-python-sdk==0.2.2",
    "kubernetes-validate==1.37.0",
    "cloudcoil-models-keda==2.16.1.0",
    "pyyaml==6.0.4",
)


def main() -> int:
    """Install the tools, once, and validate the chart with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, default=Path(".chart"), help="folder for the tools")
    python = parser.parse_args().tools.resolve() / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return subprocess.run([python, HERE / "validation.py", CHART], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
