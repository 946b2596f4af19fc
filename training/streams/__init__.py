"""What a network hears in training: endless streams of clips, and sounds that are not music."""
