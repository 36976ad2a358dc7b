"""A tile of the Mandelbrot set."""
