"""Known vulnerabilities of the pinned packages, as pip-audit asks for them: `make audit`.

Who cannot be asked has said nothing: that is told, and fails nothing. A vulnerability that is known fails.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

PINNED = Path(__file__).parents[1] / "constraints.txt"
UNREACHED = re.compile(
    r"ConnectionError|Timeout|Could not connect|Max retries|NameResolution|ProxyError|SSLError|\b50\d\b"
)
LONGEST_S = 600


class Verdict(NamedTuple):
    """What to say, and how to end: 0 is nothing known, or nobody who could be asked; 1 a vulnerability; 2 a failure."""

    text: str
    code: int


def asked(program: str) -> Verdict:
    """Runs pip-audit on `constraints.txt`."""
    words = [program, "-r", str(PINNED), "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except FileNotFoundError:
        return Verdict("not audited: the registry has no pip-audit; nothing is known of any package", 0)
    except subprocess.TimeoutExpired:
        return Verdict(f"not audited: no answer within {LONGEST_S} s; nothing is known of any package", 0)
    try:
        return verdict(json.loads(done.stdout))
    except ValueError:
        return unheard(done.stderr)


def verdict(report: Mapping[str, Any]) -> Verdict:
    """What a report of pip-audit says.

    >>> verdict({"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "?"}]}).text
    'no known vulnerability in 1 of 2 packages; 1 could not be asked about, b first'
    """
    packages = report["dependencies"]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    bad = [
        f"{one['name']} {one['version']}: {each['id']}, mended in {', '.join(each['fix_versions']) or 'no version yet'}"
        for one in packages
        for each in one.get("vulns", ())
    ]
    left = f"; {len(skipped)} could not be asked about, {skipped[0]} first" if skipped else ""
    if bad:
        return Verdict("\n".join(bad) + left, 1)
    if len(skipped) == len(packages):
        return Verdict(f"not audited: the service knows none of {len(packages)} packages, so it is not reached", 0)
    return Verdict(f"no known vulnerability in {len(packages) - len(skipped)} of {len(packages)} packages{left}", 0)


def unheard(complaint: str) -> Verdict:
    """What it means that pip-audit ended without a report.

    >>> unheard("requests.exceptions.ConnectionError: no route").code, unheard("invalid requirement").code
    (0, 2)
    """
    last = complaint.strip().splitlines()[-1][:200] if complaint.strip() else "it said nothing"
    if UNREACHED.search(complaint):
        return Verdict(f"not audited: the service cannot be reached ({last}); nothing is known of any package", 0)
    return Verdict(f"the audit failed: {last}", 2)


if __name__ == "__main__":
    told = asked(sys.argv[1])
    sys.stdout.write(told.text + "\n")
    sys.exit(told.code)
