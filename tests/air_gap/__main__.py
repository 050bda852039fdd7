"""`make air-gap`: both demos from start to end without a route, and what tried to reach out."""

import os
import sys
import tempfile
import time

from tests.air_gap.enclosure import explain_impossible, run_enclosed

DEMOS = ("digits", "photographs")


def main() -> int:
    """Run the demos; the exit code is 1 if one failed or anything tried to leave."""
    reason = explain_impossible()
    if reason is not None:
        sys.stderr.write(f"{reason}\n")
        return 1
    is_fine = True
    for demo in DEMOS:
        with tempfile.TemporaryDirectory(prefix="limit-audit-gap-", ignore_cleanup_errors=True) as folder:
            began = time.monotonic()
            command = [sys.executable, "-m", f"examples.{demo}", "--out", folder]
            done = run_enclosed(command, os.environ)
        sys.stdout.write(
            f"{done.output.rstrip()}\n\ndemo {demo}: exit code {done.returncode} after"
            f" {time.monotonic() - began:.0f} s; attempts to reach out: {done.attempts}\n\n"
        )
        is_fine = is_fine and done.returncode == 0 and not any(done.attempts.values())
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
