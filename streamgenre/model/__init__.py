"""Model files, the engines that run them, and the streams that carry their state."""
