"""Visualisation by activation maximisation: a sound that maximises a genre or a neuron.

Proposed as future work in Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for
Genre Classification", 2016.
"""

from .maximise import Measure, visualise
from .neurons import by_audio
from .result import Method, Visualisation
from .subject import Subject, open_subject

__all__ = ["Measure", "Method", "Subject", "Visualisation", "by_audio", "open_subject", "visualise"]
