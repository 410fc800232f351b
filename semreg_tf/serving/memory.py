"""Memory of a long-lived process with many threads under glibc."""

import ctypes

# From malloc.h.
_M_ARENA_MAX = -8
_ARENAS = 2


def use_few_arenas() -> bool:
    """Limits glibc to two arenas for all threads. Call it before any thread is started.

    By default there are up to eight arenas per core, each of which retains freed memory: after
    large pictures the process would stay at twice its size.

    Returns:
      Whether the limit is set; False without glibc.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS))
    except (AttributeError, OSError):
        return False


def return_free_memory() -> bool:
    """Returns freed memory to the system, within milliseconds.

    Returns:
      Whether any memory was returned.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError):
        return False
