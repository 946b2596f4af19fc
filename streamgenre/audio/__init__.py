"""Audio on its way in: sources, resampling, the ring and its windows."""
