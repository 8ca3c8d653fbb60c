"""The layers that a saved kerastl model needs: import this before `keras.models.load_model`."""

from kerastl.backbones.audio import LogMel
from kerastl.backbones.layer import Backbone
from kerastl.heads.layer import Probabilities

__all__ = ["Backbone", "LogMel", "Probabilities"]
