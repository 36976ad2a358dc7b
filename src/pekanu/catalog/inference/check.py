"""A sample of images, drawn after the claim and classified again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pekanu.catalog.framing import Value
from pekanu.catalog.inference.native import DIGITS, classify, get_images
from pekanu.catalog.policy import draw_sample
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse

#: Images that are classified again.
SAMPLE: Final = 2048


def check(values: Sequence[Value], output: Value, rng: RandomBytes) -> Verdict:
    """Return whether a sample of the output's scores is right.

    A share f of the images wrong passes with probability at most (1 - f)^2048; one wrong image
    among n passes with 1 - 2048 / n, which is the bound given.

    Args:
        values: The images.
        output: The claimed scores; any value.
        rng: Randomness drawn after the output was fixed.
    """
    images = get_images(values)
    shape = (len(images), DIGITS)
    if isinstance(output, bytes) or output.dtype != np.int32 or output.shape != shape:
        return refuse(f"the output is no int32 array of shape {shape}")
    chosen, miss = draw_sample(len(images), SAMPLE, rng)
    wrong = np.flatnonzero((classify(images[chosen]) != output[chosen]).any(axis=1))
    if len(wrong):
        return refuse(f"the scores of image {chosen[wrong[0]]} are wrong")
    return accept(f"{len(chosen)} of {len(images)} images were classified again", miss)
