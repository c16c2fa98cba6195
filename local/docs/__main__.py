"""``python -m local.docs``: write the generated pages."""

from __future__ import annotations

from local.docs.pages import ROOT, pages


def main() -> None:
    """Write what has changed, and name it."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(path.relative_to(ROOT).as_posix())


if __name__ == "__main__":
    main()
