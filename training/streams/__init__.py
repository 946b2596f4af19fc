"""Training sequences: endless streams of clips and of non-music sounds."""
