"""The media type of images."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kerastl.media.backbone_input import BackboneInput
from kerastl.media.base import MediaSummary, MediaType
from kerastl.media.image.input import ImageInput, sides_of
from kerastl.media.image.settings import (
    FULL,
    ImageAugmentation,
    ImageContract,
    ImageSettings,
    ImageViews,
)
from kerastl.media.preview import Preview
from kerastl.media.view import View
from kerastl.settings import Problems
from kerastl_runtime import input_contract

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerastl_runtime.decoder import Cut, Decoder
    from kerastl_runtime.media_file import MediaFile

_DEFAULT_SIDE = 224  # pixels
_LARGER = (1.4, 2.0)  # sides of larger views as multiples of the usual ones
_MULTIPLE = 32  # pixels; networks halve their input up to five times
_FREE_SIDE = 96  # pixels of an example for a side that a network leaves open


class ImageType(MediaType):
    """Images: RGB, uint8 in [0, 255], of any size and format that Pillow decodes safely."""

    name = "image"
    noun = "image"
    nouns = "images"
    collective = "images"
    extensions = (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".gif"),
        *(".tif", ".tiff", ".dcm", ".dicom"),
    )
    values = "PIL images and uint8 arrays of shape (height, width, 3)"
    formats = "JPEG, PNG, WebP, BMP, GIF, TIFF or DICOM"
    cut_columns = ("x", "y", "width", "height", "frame")
    cut_cells = (
        "a region inside of the image by x, y, width and height, in pixels, or in fractions of the "
        "image if all four are at most 1, the same for all rows; frame: 0 for the first of a file; "
        "blank for the whole image"
    )
    contract_class = ImageContract
    data_settings = ImageSettings
    augment_settings = ImageAugmentation
    usual_augment: ClassVar[Mapping[str, Any]] = {
        "flip": True,
        "zoom": 0.3,
        "shift": 0.1,
        "brightness": 0.1,
        "contrast": 0.2,
    }
    augment_caution = (
        "If left and right matter, as with letters, digits and organs, set augment.flip to false."
    )
    view_settings = ImageViews
    raw_range = (0.0, 255.0)
    has_usual_scaling = True
    report_keys = ("images", "pictures")

    def accepts_shape(self, shape: Sequence[int | None]) -> bool:
        return len(shape) == 3

    def default_input(self, size: int | tuple[int, int] | None, settings: Any) -> ImageInput:
        """Returns an input of `size` pixels a side, or of (height, width); None is 224."""
        height, width = sides_of(_DEFAULT_SIDE if size is None else size)
        return ImageInput(height=height, width=width)

    def make_contract(
        self, shape: tuple[int, ...], settings: Any, taken: BackboneInput | None, *, backbone: str
    ) -> ImageContract:
        named = {"auto": None, "full": FULL}
        given = settings.intensity
        return ImageContract(
            shape=shape,
            resize=settings.resize,
            intensity=named[given] if isinstance(given, str) else given,
            dicom_window=settings.dicom_window,
            rule_version=ImageContract.newest_rule,
        )

    def decided_settings(self, settings: Any, files: "Sequence[MediaFile]") -> Mapping[str, Any]:
        """Returns the range of values of gray images of more than 8 bits, if there are any."""
        from kerastl.media.image.inspection import usual_range

        is_open = settings.intensity == "auto"
        found = usual_range(files, settings.dicom_window) if is_open else None
        return {} if found is None else {"intensity": list(found)}

    def used_cut_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Returns x, y, width and height if all of them are there, and frame."""
        used = super().used_cut_columns(columns)
        return used if len(set(used) - {"frame"}) == 4 else tuple({"frame"} & set(used))

    def bad_cuts(self, values: "np.ndarray") -> Iterable[tuple[int, int, str]]:
        from kerastl_runtime.image.regions import bad_cuts

        return bad_cuts(values)

    def cut_text(self, cut: "Cut") -> str:
        from kerastl_runtime.image.regions import cut_text

        return cut_text(cut)

    def decoder(self, contract: ImageContract) -> "Decoder":
        from kerastl_runtime.image.decoding import ImageDecoder

        return ImageDecoder(input_contract.ImageContract.of(contract.model_dump(mode="json")))

    def fitting(self, contract: ImageContract) -> "keras.layers.Layer":
        from kerastl.media.image.fit_images import FitImages

        height, width = contract.shape[:2]
        return FitImages(height, width, contract.resize, name="fit")

    def reading(self, contract: ImageContract) -> str:
        height, width = contract.shape[:2]
        resize, *details = contract.details
        return (
            "RGB, 8 bits; transparency on white; ICC profiles ignored; turned by the EXIF "
            f"orientation; {', '.join(details)}. If the model takes one size only, resized first: "
            f"{resize} to {height} x {width}, bilinear with antialiasing as Pillow does. "
            "kerastl decodes large JPEGs at 1/2, 1/4 or 1/8 as long as twice the target remains, "
            "as Image.draft does; otherwise, pixels differ by half a level on average."
        )

    def inspect(self, file: "MediaFile", cut: "Cut") -> Any:
        from kerastl.media.image.inspection import inspect_image

        return inspect_image(file, cut)

    def summarize(self, *examples: Any, **context: Any) -> MediaSummary:
        from kerastl.media.image.inspection import summarize_images

        return summarize_images(*examples, **context)

    def preview(self, file: "MediaFile", cut: "Cut") -> Preview:
        from kerastl.media.image.thumbnail import thumbnail

        return thumbnail(file, cut)

    def encoded(self, value: Any, contract: ImageContract) -> bytes | None:
        from kerastl_runtime.image.encoding import encode_image

        return encode_image(value)

    def varied_examples(self, shape: Sequence[int | None]) -> "np.ndarray":
        """Returns a dark, a bright, a coarse and a full-contrast image."""
        import numpy as np

        random = np.random.default_rng(0)
        height, width = (side or _FREE_SIDE for side in shape[:2])
        coarse = random.uniform(0, 255, (4, 4, 3)).repeat(-(-height // 4), 0)
        coarse = coarse.repeat(-(-width // 4), 1)[:height, :width]
        images = [
            random.uniform(0, 30, (height, width, 3)),
            random.uniform(200, 255, (height, width, 3)),
            coarse,
            random.choice([0.0, 255.0], (height, width, 3)),
        ]
        return np.stack(images).astype("float32")

    def views(self, settings: Any, shape: tuple[int, ...]) -> tuple[View, ...]:
        """Returns each size, with and without mirroring; see `MediaType`."""
        own = shape[:2]
        sizes = [None if size == own else size for size in map(sides_of, settings.sizes)] or [None]
        mirrored = (False, True) if settings.flips else (False,)
        return tuple(View(size=size, is_mirrored=one) for size in sizes for one in mirrored)

    def candidate_views(self, shape: tuple[int, ...]) -> tuple[Mapping[str, Any], ...]:
        """Returns two larger sizes, alone and together with the usual one, and mirrored views."""
        usual, larger, double = (
            _plain(tuple(round(side * factor / unit) * unit for side in shape[:2]))
            for factor, unit in ((1, 1), *((factor, _MULTIPLE) for factor in _LARGER))
        )
        sizes = ((), (larger,), (usual, larger), (double,), (usual, larger, double))
        return tuple(
            {"sizes": chosen, "flips": flips}
            for chosen in sizes
            for flips in (False, True)
            if chosen or flips
        )

    def view_cost(self, settings: Any, shape: tuple[int, ...]) -> float:
        """Returns the cost by the number of pixels; see `MediaType`."""
        pixels = [math.prod(sides_of(size)) / math.prod(shape[:2]) for size in settings.sizes]
        return (sum(pixels) or 1.0) * (2 if settings.flips else 1)

    def largest_size(self, settings: Any) -> int | tuple[int, int] | None:
        """Returns the size with the most pixels; see `MediaType`."""
        sizes: Sequence[int | tuple[int, int]] = settings.sizes
        return max(sizes, key=lambda size: math.prod(sides_of(size)), default=None)

    def view_problems(self, settings: Any, size: Any) -> Problems:
        """Checks that the largest size contains the others and that `size` is one of them."""
        sizes = list(map(sides_of, settings.sizes))
        if size is not None and sizes and sides_of(size) not in sizes:
            return [(("sizes",), f"lacks backbone.input_size, {size}. Add it, or remove that key.")]
        largest = sides_of(self.largest_size(settings) or 1)
        return [
            (("sizes", place), f"exceeds the largest size, {largest}, in one direction.")
            for place, sides in enumerate(sizes)
            if any(side > most for side, most in zip(sides, largest, strict=True))
        ]

    def batch_augmentation(self, settings: Any) -> Callable[[Any, Any], Any] | None:
        from kerastl.media.image.augmentation import batch_augmentation

        return batch_augmentation(settings)


def _plain(size: tuple[int, ...]) -> int | tuple[int, ...]:
    """Returns a size as a config writes it: a square by its side."""
    return size[0] if size[0] == size[1] else size


IMAGE = ImageType()
