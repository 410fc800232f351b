"""Reader of `.caffemodel` files that needs no Caffe: it parses only the fields that hold weights.

    NetParameter           layers = 2 (V1LayerParameter), layer = 100 (LayerParameter), repeated
    V1LayerParameter       name = 4, blobs = 6
    LayerParameter         name = 1, blobs = 7
    BlobProto              num, channels, height, width = 1-4; data = 5 and double_data = 8, packed;
                           shape = 7 (BlobShape)
    BlobShape              dim = 1

Files published in 2014 use `layers` and blobs of rank 4; later ones use `layer` and `shape`.
"""

import pathlib
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "semreg_tf.caffe"

# name: (number, type, repeated). `data` holds packed floats. It is declared as bytes, which have
# the same encoding, so that VGG16's 138 million numbers do not become Python objects.
_MESSAGES: dict[str, dict[str, tuple[int, int | str, bool]]] = {
    "BlobShape": {"dim": (1, _Field.TYPE_INT64, True)},
    "BlobProto": {
        "num": (1, _Field.TYPE_INT32, False),
        "channels": (2, _Field.TYPE_INT32, False),
        "height": (3, _Field.TYPE_INT32, False),
        "width": (4, _Field.TYPE_INT32, False),
        "data": (5, _Field.TYPE_BYTES, False),
        "shape": (7, "BlobShape", False),
        "double_data": (8, _Field.TYPE_BYTES, False),
    },
    "V1LayerParameter": {
        "name": (4, _Field.TYPE_BYTES, False),
        "blobs": (6, "BlobProto", True),
    },
    "LayerParameter": {
        "name": (1, _Field.TYPE_BYTES, False),
        "blobs": (7, "BlobProto", True),
    },
    "NetParameter": {
        "layers": (2, "V1LayerParameter", True),
        "layer": (100, "LayerParameter", True),
    },
}


def _net_parameter() -> type[message.Message]:
    """Builds the message class of NetParameter from `_MESSAGES`."""
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            added = described.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.NetParameter"))


def _array(blob: Any) -> np.ndarray:
    data, dtype = (blob.double_data, "<f8") if blob.double_data else (blob.data, "<f4")
    shape_2014 = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else shape_2014
    return np.frombuffer(data, dtype).reshape(shape)


def read_caffemodel(path: str | pathlib.Path) -> dict[str, list[np.ndarray]]:
    """Reads the weights of a binary NetParameter.

    Returns:
      Layer name -> its blobs in the file's shapes, for layers that have weights: kernels (filters,
      channels / groups, height, width), fully connected weights (outputs, inputs), biases
      (outputs,). Files of 2014 add leading ones up to rank 4.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file is not a NetParameter, holds no weights, or a blob does not have as many
        values as its shape.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"`caffemodel` must be the path of a file. Received: caffemodel={str(path)!r}"
        )
    net = _net_parameter()()
    try:
        net.ParseFromString(path.read_bytes())
    except message.DecodeError as error:
        raise ValueError(
            "`caffemodel` must be a whole binary NetParameter. "
            f"Received: caffemodel={str(path)!r} ({error})"
        ) from error
    layers = {}
    for layer in [*net.layers, *net.layer]:
        name = layer.name.decode(errors="replace")
        try:
            arrays = [_array(blob) for blob in layer.blobs]
        except ValueError as error:
            raise ValueError(
                f"`caffemodel` must have as many values in layer {name!r} as its shape. "
                f"Received: caffemodel={str(path)!r} ({error})"
            ) from error
        if arrays:
            layers[name] = arrays
    if not layers:
        raise ValueError(
            "`caffemodel` must hold layers with weights; convert a file from before 2014 with "
            f"Caffe's upgrade_net_proto_binary first. Received: caffemodel={str(path)!r}"
        )
    return layers
