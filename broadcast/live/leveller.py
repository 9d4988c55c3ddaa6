"""Speech brought to one loudness while it is spoken, and kept below a ceiling (pure).

Rules
- 20 ms in, 20 ms out, LOOKAHEAD_FRAMES late.
"""

import numpy as np
from numpy.typing import NDArray

LOOKAHEAD_FRAMES = 240

Samples = NDArray[np.float32]


class Leveller:
    """Takes blocks of 960 samples at 48 kHz, mono."""

    def process(self, block: Samples) -> Samples:
        """A block of the same size, LOOKAHEAD_FRAMES behind."""
        raise NotImplementedError
