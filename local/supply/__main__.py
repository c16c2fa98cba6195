"""``python -m local.supply``: choose and pin what Azure installs, pin what checkov needs, and list it all (SBOM)."""

from __future__ import annotations

import sys
from pathlib import Path

from local.supply.files import CHECKOV, LOCK, REQUIREMENTS, ROOT, SBOM, bill
from local.supply.lock import AZURE_LINUX, render, resolve


def main() -> None:
    """Write what has changed, and name it. Needs a package index; the files must agree with what is installed here."""
    _write(LOCK, render(resolve(REQUIREMENTS, AZURE_LINUX)))
    _write(CHECKOV, "".join(f"{name}=={version}\n" for name, version, _ in resolve(CHECKOV.with_suffix(".in"))))
    _write(SBOM, bill())


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path.relative_to(ROOT).as_posix()}\n")


if __name__ == "__main__":
    main()
