"""Inputs that raised something else than their parser's one error, or stopped it, when first tried."""

import pyarrow as pa
from fuzzing.targets_files import TRAIN, parquet_bytes

_PARQUET = parquet_bytes("none", id=["a", "b"], click=[0, 1], page=["x", "y"], price=[0.5, 1.0])
_NOT_UTF8 = parquet_bytes("none", id=["a", "b"], click=[0, 1], page=["site", "y"], price=[0.5, 1.0])
_NULLS = parquet_bytes(id=["a", "b"], click=[0, 1], page=[None, None], price=[0.5, 1.0])

REGRESSIONS = (
    # A line that is not UTF-8 in a file that its owner may have edited.
    ("quarantine-file", b'{"row":3,"reason":"\x99"}\n'),
    # A column that is described by a number.
    ("train-file", TRAIN.replace(b'city = "categorical"', b"city = 5")),
    # A column name that is not UTF-8.
    ("parquet-prepared", _PARQUET.replace(b"price", b"pri\xffe")),
    ("parquet-inspected", _PARQUET.replace(b"price", b"pri\xffe")),
    # A row of the wrong width that is not UTF-8: Arrow gave up the whole file.
    # Text of Parquet that is not UTF-8: inspect failed, and prepare made blocks that the enclave refuses.
    ("parquet-prepared", _NOT_UTF8.replace(b"site", b"si\xffe")),
    ("parquet-inspected", _NOT_UTF8.replace(b"site", b"si\xffe")),
    # A column without any value.
    ("parquet-inspected", _NULLS),
    # A label that no two rows share was taken for the id, too.
    ("csv-inspected", b"gd,click,page,price\nx,0,p,1\ny,1,q,2\n"),
    # Columns kept as codes of a dictionary.
    (
        "parquet-inspected",
        parquet_bytes(id=["a", "b"], page=pa.array(["x", "y"]).dictionary_encode(), price=[1.0, 2.0]),
    ),
    ("csv-prepared", b"id,click,page,price\n1,0,\xe9,1,2\n2,1,x,1\n"),
)
