"""The layers that a saved kerastl model needs: import this before `keras.models.load_model`."""

from kerastl.backbones.layer import Backbone
from kerastl.backbones.log_mel import LogMel
from kerastl.backbones.resizing import ResizeImages
from kerastl.heads.layer import Probabilities
from kerastl.media.image.fit_images import FitImages

__all__ = ["Backbone", "FitImages", "LogMel", "Probabilities", "ResizeImages"]
