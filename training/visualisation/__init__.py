"""Visualisation by activation maximisation: the sound that most excites a genre or a neuron.

Proposed as future work by Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for
Genre Classification", 2016.
"""

from .listen import Measure, Method, listen
from .neurons import by_audio
from .result import Listened
from .subject import Subject, open_subject

__all__ = ["Listened", "Measure", "Method", "Subject", "by_audio", "listen", "open_subject"]
