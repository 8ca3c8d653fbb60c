"""Modules exported from JAX: where their code runs, and what is said where it doesn't."""

import base64
import lzma
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_call_module

from kerastl.backbones import BackboneError
from kerastl_tfhub import SavedModelLayer, UntrustedModuleError, trust

# `jax.export.export(jax.jit(f), platforms=["cpu"])` for inputs of shape (n, 3), with
# f = lambda x: jnp.tanh(x @ jnp.sin(jnp.arange(15.0).reshape(3, 5)))
CODE = (
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AY7BAtdACaTGfX3ZeKFayWxHWsy/y9IdwCdtwRxF6hRtBOwMactRDz3CD"
    "GEHHDPIoqW+2+k2KXQu0bzR+aetvAbKa8apWVO7cb85bDXBIdU/P/uCydW9uFPJPcwWEO9s052v46wJCcGCd4vJyY8"
    "idxXw1j/rducFgNtMbxPVv0oe0QyEv8ZBaiJTIHPxNaP16ERdUPbyX5lf9MdCJkuAFd2uhjQ240ke7tRQNJ6KMp7BV"
    "aqM84iyZLNDjxDGy16BuAgEc9MGrGhy7VZpRLd0zR3e3rlY2l/Je5II9tZo6j253tr6PpHV5l94QJmG4WcxK3Zruj8"
    "abL5Uahc9X33m3jL1HtBcL3xK+qul4uUqGrJA02MC4dmZO+jzl3Vh/ZqPxw/hb9X6r90kdCDPYuMenQObQjHwZHxcR"
    "EygBbd8eimsX2BxEQ5om1Zk5q8RBNCJHneOQwHD5vddiqM0y7Ts86O/WHNx8rscSRdG1Mu/hpp1CYviWNhWPx60OEP"
    "VZAim1VGgjz6f5B2ISudDjWmK8DP70y+u+RK5LoERATOaoSIPiQGdAlw4WBFOcHvtOdGADwAuKIkf3ugrSSm+oYc46"
    "3iLGWWu69527RaATmrLU3txrePIDsIjhia8jSFPmqtF8h75DaQ0gcAzAy9a2KxWYabbxYcTHZeic0iiyD6RFE24iYT"
    "xgncWzbyYCLzxalbjN7G12rhqwSZ3gB251T8+UbICsbv6R6MQoDCa/Zk41K5GF9m1QUlvoZvUYbNTAfmEOA9Xl9fAf"
    "t3siwdGRuMSciDVAzlX+Z23MUyAuEQQ7oO7wZITAvYjlmFYRVrngZT2IF+RsVfX6RXtmp1RIur8O0j+DUU0NBBefXE"
    "TE3Obg32zZrFwWypo6TiO/Dc4VUZDNIv4aoKmqvNmadTSTDWZ3jr+voiDZxJ4Bx63iTGFh1pA6q0l4fe7DvG1lojLU"
    "d6WCoEYMIwVhkKn6pO9RT30rdlOZXqAqv+lsoU25ehtJg+ZsLmXyNcsr7zKTER4f0sso9QILNElWYMkGIKj/uGcrAY"
    "BrK0Ad2ABAyH8D51n1mMEnraY/F17AmzXdOO1GH+RcqrV40gHsQTIurWvR0d2BCAxVZLjLull+cEkgSL4vSjb83025"
    "co6vvU5/ouIPSnXvrkZMjFPYbJXgFJrxNv+wKaBoucchgq6aBrxKCfAWbXciVbBSpc+cNX9vVtoHpWgna60tsg/ATs"
    "8k54jncBWPp+pcb3eG54qz5pvaarR/WIC8XlDetwQlDXhVt4uVjhf2o1UI8rwXBNi+dlvbDQUIBTAJzS+ELVj0+2YO"
    "TuamMzrxF7ro9PJJzDQRLWC1qnq7I+blVlYuv7NcDqTuz2ZkGCaqQJ49OTg4Hg9OVVJ/mmlAAAPgXGqw8HfKgAAacI"
    "vAwAAAy2gqmxxGf7AgAAAAAEWVo="
)


@pytest.fixture
def exported(make: Callable[..., str]) -> Callable[..., str]:
    """Saves a module for these devices; only the code's label says for which it is."""

    def save(*platforms: str) -> str:
        module = tf.Module()

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def call(x: tf.Tensor) -> tf.Tensor:
            (result,) = xla_call_module(
                args=[x],
                version=9,
                module=lzma.decompress(base64.b64decode(CODE)),
                Sout=[[None, 5]],
                Tout=[tf.float32],
                platforms=platforms,
            )
            return result

        module.__call__ = call
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        return make(module, options=options)

    return save


def test_a_trusted_module_runs_where_its_platform_fits(exported: Callable[..., str]) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    with trust("XlaCallModule"):
        layer = SavedModelLayer(exported("CPU"))
    expected = np.tanh(x @ np.sin(np.arange(15.0).reshape(3, 5)))
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_a_module_is_asked_to_be_trusted_where_its_platform_fits(
    exported: Callable[..., str],
) -> None:
    with pytest.raises(UntrustedModuleError, match="KERASTL_TFHUB_TRUST=XlaCallModule"):
        SavedModelLayer(exported("CPU"))


def test_a_module_without_gradients_cannot_be_trained(exported: Callable[..., str]) -> None:
    with trust("XlaCallModule"), pytest.raises(BackboneError, match="which has no gradient"):
        SavedModelLayer(exported("CPU"), trainable=True)


def test_the_text_about_code_for_other_devices(exported: Callable[..., str]) -> None:
    folder = exported("CUDA", "TPU")
    with pytest.raises(BackboneError) as caught:
        SavedModelLayer(folder)
    assert (
        str(caught.value)
        == f"""The module consists of code that JAX compiled for other devices.
  where:    {folder}
  expected: CPU, which TensorFlow uses here
  received: CUDA, TPU
  fix:      Use a version of the module for CPU."""
    )


def test_the_text_about_code_for_the_cpu_beside_a_gpu(
    exported: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    with pytest.raises(BackboneError) as caught:
        SavedModelLayer(exported("CPU"))
    assert str(caught.value).endswith(
        "Use a version of the module for CUDA, or set CUDA_VISIBLE_DEVICES=-1 to compute on the "
        "CPU."
    )
