"""The numbers in the definitions of the gradient and connectivity errors."""

import math

THRESHOLDS = 10
"""Connectivity looks at alpha ≥ 0.1, 0.2, …, 1; it reaches i of them when level * 10 // 255 is i."""

CONNECTED = 383
"""From here on, in units of 1/2550, alpha counts as not connected: 0.15 is 382.5, and alphas are whole."""

SIGMA, EPSILON = 1.4, 1e-2
HALF = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * EPSILON)))
"""How far the gradient's kernels reach: 4 pixels, beyond which the Gaussian is below ε."""

_bell = [math.exp(-(x**2) / (2 * SIGMA**2)) for x in range(-HALF, HALF + 1)]
_slope = [-x * g for x, g in zip(range(-HALF, HALF + 1), _bell, strict=True)]
BELL = tuple(g / math.hypot(*_bell) for g in _bell)
"""A Gaussian of unit length."""
SLOPE = tuple(g / math.hypot(*_slope) for g in _slope)
"""Its derivative, of unit length; their product is the gradient's two-dimensional kernel."""
