"""Converts a published .caffemodel into an encoder's weights file, without Caffe.

python -m data_prep.convert_caffe_weights --network=caffenet \
    --caffemodel=bvlc_reference_caffenet.caffemodel --output=caffenet.weights.h5

Then train with --config.encoder.name=caffenet --config.encoder.weights=caffenet.weights.h5.
"""

from collections.abc import Sequence

from absl import flags

from cli import program
from semreg_tf.console import plain_errors

NETWORKS = ("caffenet", "alexnet", "vgg16")

_CAFFEMODEL = flags.DEFINE_string(
    "caffemodel", None, "The published .caffemodel file.", required=True
)
_NETWORK = flags.DEFINE_enum("network", None, NETWORKS, "The CNN of the file.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write, ending in .weights.h5.", required=True
)


def main(argv: Sequence[str]) -> None:
    """Converts one file and prints the number of its weights."""
    with plain_errors():
        from semreg_tf.models.caffe_weights import convert_caffe_weights

        count = convert_caffe_weights(_CAFFEMODEL.value, _NETWORK.value, _OUTPUT.value)
        print(f"{_OUTPUT.value}: {count:,} weights of {_NETWORK.value}")


if __name__ == "__main__":
    program.run(main)
