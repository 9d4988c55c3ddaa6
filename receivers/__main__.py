"""`python -m receivers` is `loa receiver`; its `run` does without the libraries of a command line."""

import os
import sys

# Each thread of numpy's library keeps memory of its own, and the products here are small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if __name__ == "__main__":
    if sys.argv[1:2] == ["run"] and "--help" not in sys.argv:
        # paho would load a whole resolver where the centre's libraries lie beside: 3 MB for records nobody asks for.
        sys.modules["dns"] = None  # type: ignore[assignment]

        from receivers.run import main

        main(sys.argv[2:])
    else:
        from receivers.cli import app

        app(prog_name="loa receiver")
