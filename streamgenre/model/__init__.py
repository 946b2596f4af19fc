"""A model file, the engines that run it, and streams that carry its state."""
