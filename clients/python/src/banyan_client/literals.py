"""`Literal["a", "b"]`: the values that this version knows. To a type checker it is typing's Literal.

At run time it is the plain type: a newer server may send a value that was added since, and a client must not break.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Literal
else:

    class Literal:
        def __class_getitem__(cls, values: Any) -> type:
            return type(values[0] if isinstance(values, tuple) else values)


__all__ = ["Literal"]
