"""The family `keras_hub`: encoders of images and audio of KerasHub as kerastl backbones.

Convention: this module, `architectures`, `catalogue`, `folders` and `family` import no framework;
the others do, when a backbone is built.
"""

from kerastl_hub.family import KerasHub

__all__ = ["KerasHub", "family"]

family = KerasHub()
