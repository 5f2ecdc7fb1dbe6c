"""Inputs that raised something else than their parser's one error, or stopped it, when first tried."""

from fuzzing.targets_files import TRAIN, parquet_bytes

_PARQUET = parquet_bytes("none", id=["a", "b"], click=[0, 1], page=["x", "y"], price=[0.5, 1.0])

REGRESSIONS = (
    # A line that is not UTF-8 in a file that its owner may have edited.
    ("quarantine-file", b'{"row":3,"reason":"\x99"}\n'),
    # A column that is described by a number.
    ("train-file", TRAIN.replace(b'city = "categorical"', b"city = 5")),
    # A column name that is not UTF-8.
    ("parquet-prepared", _PARQUET.replace(b"price", b"pri\xffe")),
    ("parquet-inspected", _PARQUET.replace(b"price", b"pri\xffe")),
    # A row of the wrong width that is not UTF-8: Arrow gave up the whole file.
    ("csv-prepared", b"id,click,page,price\n1,0,\xe9,1,2\n2,1,x,1\n"),
)
