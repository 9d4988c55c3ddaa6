"""`python -m receivers` is `loa receiver`."""

from receivers.cli import app

if __name__ == "__main__":
    app(prog_name="loa receiver")
