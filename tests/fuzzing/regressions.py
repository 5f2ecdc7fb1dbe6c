"""Inputs that raised something else than their parser's one error, or stopped it, when first tried."""

import base64
import zlib

import pyarrow as pa
from fuzzing.targets_files import TRAIN, parquet_bytes
from fuzzing.targets_tunnel import ENDED_TWICE

_PARQUET = parquet_bytes("none", id=["a", "b"], click=[0, 1], page=["x", "y"], price=[0.5, 1.0])
_NOT_UTF8 = parquet_bytes("none", id=["a", "b"], click=[0, 1], page=["site", "y"], price=[0.5, 1.0])
_NULLS = parquet_bytes(id=["a", "b"], click=[0, 1], page=[None, None], price=[0.5, 1.0])

_DAMAGED_COLUMN = zlib.decompress(
    base64.b85decode(
        "c-oaz&1(};5TCcZSz-v77T;qRg5=OH5&Dq^8bp-vHq95Nng&BLc-gLDn;1<@)ifZ8p8PXJJc=j13W7)f2I<L@ha9~KzInTwv}rta"
        "*qwPFGr!+&XGrS2u|+j{m1b&Gr?3o={<8Tub$JXx0Kh?afX<~ruTX1EWF^F_Cv%V{u0fooB?yXQdjN{q=tNOhK%k~*wkE<9HSrpz"
        "MuI3{m+8t3)`*5TMl{T2N_xTRjQCR3CstLWDuPhxJj08^u>Kg`c%Ct*q{-MI#|!WxK3;~}XS!p23pJeN{WuBYpI7s33iVF%;p!yM"
        "Aid!9|BW;sY=fa6xrgn?4vhkhuPTPpdAJI-Bz8~}+lbrixR3lRZQywA@G@qJ%fYbYwt?wp(yUpKq;Yc_^n{5ZG|qJPmavb+x@SdC"
        "Pt{z*9#REIln~*jsMk#kbODPXS^(lxOPn8sO^EeIu|AWF4e}h<HNm840aGYfewZYB$=(s`muh`bPmk}sV$D2_6AKl~en_C7gbBIt"
        "Bi48AVxwB9SoVf}iZI=ZvadRrNh8i1jl26d{NWkDl})sfXLHW?xNo;PA935`CC)uw@Z^~-5_WM>;JhjiW-%x&jBwRLw<C*+=-fKu"
        "W6G|?uT1lOvvFCm$Ikwp9_RNFzl_nhD(_G0o3f}pUoS!J!&bH__dU$N-bIHJ3dKNlsK+<VwYvx9Ue}STJ-#Eq#|=`^N?}nG??pc<"
        "*cVA|hdITP1hu_6d~A(9X!-hzf!<qSqz2CL>GSrpb$2jWcZS3MDD|Q}JnHnHq_Vk<%*K|9zmn+#Jr$rX{u2KI4lCPX"
    )
)
"""A Parquet file whose footer tells nonsense of one column: pyarrow ended the process."""

REGRESSIONS = (
    # An end that is said twice was taken for that of both directions: the tunnel then never closed.
    ("tunnel-frames", ENDED_TWICE),
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
    ("parquet-prepared", _DAMAGED_COLUMN),
    ("parquet-inspected", _DAMAGED_COLUMN),
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
