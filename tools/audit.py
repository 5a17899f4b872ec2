"""Reports known vulnerabilities of the versions in tools/constraints.txt, where a database can be reached.

    python tools/audit.py

pip-audit looks them up at PyPI. Behind a mirror, or without a network, it reports that nothing was audited. What it
finds is reported and not an error: a new advisory must not break the tests of an unchanged checkout.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
_TIMEOUT = 60  # seconds


def audit() -> list[dict]:
    """Look up all dependencies.

    Returns:
        One record of pip-audit each; none where it fails.
    """
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--timeout", "5", "--no-deps"]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "audit.json"
        given = ["--disable-pip", "-r", CONSTRAINTS, "-f", "json", "-o", result]
        try:
            subprocess.run([*command, *given], capture_output=True, timeout=_TIMEOUT, check=False)
            return json.loads(result.read_text())["dependencies"]
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired):
            return []


def main() -> None:
    found = audit()
    audited = [dependency for dependency in found if "skip_reason" not in dependency]
    if not audited:
        print("audit: no database of vulnerabilities can be reached; the dependencies were not audited")
        return
    print(f"audit: {len(audited)} of {len(found)} dependencies looked up")
    for dependency in audited:
        for vulnerability in dependency.get("vulns", []):
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"  {dependency['name']} {dependency['version']}: {vulnerability['id']}, fixed in {fixed}")


if __name__ == "__main__":
    main()
