"""pyarrow under the type checker: array types without their element, and kernels that take any array.

The published stubs have an overload per element type; code that works on columns of several types can't
say which one it holds.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

if TYPE_CHECKING:
    Array = pa.Array[Any]
    ChunkedArray = pa.ChunkedArray[Any]
else:
    Array = pa.Array
    ChunkedArray = pa.ChunkedArray

compute: Any = pyarrow.compute
field: Any = pa.field


def give_memory_back() -> None:
    """Let Arrow allocate from the C library, which returns large pieces that are freed, from now on.

    Arrow's own allocators keep much of them, which counts where memory is limited.
    """
    pa.set_memory_pool(pa.system_memory_pool())
