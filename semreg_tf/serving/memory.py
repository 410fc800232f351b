"""Memory of a long-lived process with many threads under glibc."""

import ctypes

# From malloc.h.
_M_ARENA_MAX = -8
_ARENAS = 2


def use_few_arenas() -> bool:
    """Has all threads share two arenas; before any thread is started.

    glibc gives threads up to eight arenas a core, each of which keeps what its threads once held:
    after large pictures the process would stay twice its size although nothing holds the memory.

    Returns:
      Whether it could be done: only with glibc, and it is no error elsewhere.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS))
    except (AttributeError, OSError):
        return False


def return_free_memory() -> bool:
    """Gives the system what no object holds any more; takes milliseconds.

    Returns:
      Whether anything was given back.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError):
        return False
