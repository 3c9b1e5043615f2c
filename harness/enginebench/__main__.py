"""`python -m enginebench`: the same as the `enginebench` command."""

from enginebench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
