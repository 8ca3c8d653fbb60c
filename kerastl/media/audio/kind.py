"""The media type of audio."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kerastl.errors import BackboneError
from kerastl.media.audio.input import AudioInput
from kerastl.media.audio.settings import (
    DEFAULT_RATE_HZ,
    EXTENSIONS,
    AudioAugmentation,
    AudioContract,
    AudioSettings,
    AudioViews,
)
from kerastl.media.backbone_input import BackboneInput
from kerastl.media.base import MediaSummary, MediaType
from kerastl.media.preview import Preview
from kerastl.media.view import View
from kerastl_runtime import input_contract
from kerastl_runtime.input_contract import AUDIO_FORMATS

if TYPE_CHECKING:
    import numpy as np

    from kerastl_runtime.decoder import Cut, Decoder
    from kerastl_runtime.media_file import MediaFile


_WINDOWS = {
    "start": "its start",
    "center": "its center",
    "loudest": "the window with the most energy",
    "pool": "one window; the run averages the features of all of them, the exported model cannot",
}


class AudioType(MediaType):
    """Audio: mono, float32 in [-1, 1], at the sample rate of the backbone."""

    name = "audio"
    noun = "audio clip"
    nouns = "audio clips"
    collective = "audio"
    extensions = EXTENSIONS
    values = "float arrays of shape (samples,) in [-1, 1] at the sample rate of the run"
    formats = AUDIO_FORMATS
    contract_class = AudioContract
    data_settings = AudioSettings
    augment_settings = AudioAugmentation
    usual_augment: ClassVar[Mapping[str, Any]] = {"shift": 0.1, "gain": 6.0}
    view_settings = AudioViews
    cut_columns = ("start_seconds", "end_seconds")
    cut_cells = "seconds, 0 or more, the end after the start; blank for the file's own"
    has_recordings = True
    report_keys = ("audio", "sounds")

    def accepts_shape(self, shape: Sequence[int | None]) -> bool:
        return len(shape) == 1

    def default_input(self, size: int | tuple[int, int] | None, settings: Any) -> AudioInput:
        """Returns an input of `size` samples; None is one second."""
        rate_hz = settings.sample_rate_hz or DEFAULT_RATE_HZ
        taken = AudioInput(sample_rate_hz=rate_hz, num_samples=rate_hz)
        return taken if size is None else taken.resized(size, backbone="none")

    def make_contract(
        self, shape: tuple[int, ...], settings: Any, taken: BackboneInput | None, *, backbone: str
    ) -> AudioContract:
        asked = settings.sample_rate_hz
        known = getattr(taken, "sample_rate_hz", None)
        if asked is not None and known is not None and asked != known:
            raise BackboneError(
                f"The backbone '{backbone}' takes {known} samples per second.",
                where="data.sample_rate_hz",
                expected=f"{known}, whatever the rate of the files: they are resampled",
                received=str(asked),
                fix="Remove data.sample_rate_hz.",
            )
        return AudioContract(
            shape=shape,
            rule_version=AudioContract.newest_rule,
            sample_rate_hz=known or asked or DEFAULT_RATE_HZ,
            window=settings.window,
        )

    def bad_cuts(self, values: "np.ndarray") -> Iterable[tuple[int, int, str]]:
        for row, (start, end) in enumerate(values.tolist()):
            if end <= (0.0 if math.isnan(start) else start):
                yield row, 1, "is not after the start"

    def cut_text(self, cut: "Cut") -> str:
        return f"{cut[0] or 0:.2f} s" if cut else ""

    def decoder(self, contract: AudioContract) -> "Decoder":
        from kerastl_runtime.audio.decoding import AudioDecoder

        return AudioDecoder(input_contract.AudioContract.of(contract.model_dump(mode="json")))

    def reading(self, contract: AudioContract) -> str:
        return (
            f"Mono by the mean of the channels, {contract.sample_rate_hz} samples per second by "
            f"soxr (HQ), float32 clipped to [-1, 1]. Of a clip longer than {contract.shape[0]} "
            f"samples: {_WINDOWS[contract.window]}. A shorter one is padded with silence"
            f"{' at the end' if contract.window == 'start' else ' on both sides'}."
        )

    def inspect(self, file: "MediaFile", cut: "Cut") -> Any:
        from kerastl.media.audio.inspection import inspect_audio

        return inspect_audio(file, cut)

    def summarize(self, *examples: Any, **context: Any) -> MediaSummary:
        from kerastl.media.audio.inspection import summarize_audio

        return summarize_audio(*examples, **context)

    def preview(self, file: "MediaFile", cut: "Cut") -> Preview:
        from kerastl.media.audio.player import player

        return player(file, cut)

    def encoded(self, value: Any, contract: AudioContract) -> bytes | None:
        from kerastl_runtime.audio.encoding import encode_audio

        return encode_audio(value, contract.sample_rate_hz)

    def varied_examples(self, shape: Sequence[int | None]) -> "np.ndarray":
        """Returns a faint, a loud and a rising audio clip, and a tone."""
        import numpy as np

        random = np.random.default_rng(0)
        length = shape[0] or DEFAULT_RATE_HZ
        time = np.linspace(0, 1, length)
        clips = [
            0.003 * random.uniform(-1, 1, length),
            random.uniform(-1, 1, length),
            0.3 * np.sin(2 * np.pi * 800 * time**2) * time,
            0.5 * np.sin(2 * np.pi * 300 * time),
        ]
        return np.stack(clips).astype("float32")

    def views(self, settings: Any, shape: tuple[int, ...]) -> tuple[View, ...]:
        """Returns the clip as it is, earlier and later; see `MediaType`."""
        shift = round(settings.shift * shape[0])
        return (View(), View(shift=-shift), View(shift=shift)) if shift else (View(),)

    def candidate_views(self, shape: tuple[int, ...]) -> tuple[Mapping[str, Any], ...]:
        """Returns two shifts; see `MediaType`."""
        return ({"shift": 0.05}, {"shift": 0.1})

    def drawing_setting(self, settings: Any) -> str | None:
        return "data.window: pool" if settings.window == "pool" else None

    def example_augmentation(
        self, settings: Any, contract: AudioContract
    ) -> "Callable[[np.ndarray, np.random.Generator], np.ndarray] | None":
        from kerastl.media.audio.augmentation import example_augmentation

        return example_augmentation(settings, contract.sample_rate_hz)


AUDIO = AudioType()
