"""Live input and output: devices, capture and playback through PortAudio."""
