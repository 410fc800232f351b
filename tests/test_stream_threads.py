"""Threads of a generator end with it, and nobody waits for those of an abandoned one."""

import threading

import pytest

from semreg_tf.stream_threads import stream_threads


def results(number, work):
    with stream_threads(1) as pool:
        futures = [pool.submit(work, i) for i in range(number)]
        for future in futures:
            yield future.result()


def test_a_stream_that_is_read_gives_all_results():
    assert list(results(5, lambda i: 2 * i)) == [0, 2, 4, 6, 8]


def test_closing_an_abandoned_stream_waits_for_no_thread_and_cancels_what_is_not_begun():
    goes_on, done, busy = threading.Event(), [], threading.Event()

    def work(i):
        if i:
            busy.set()
            assert goes_on.wait(20)
        done.append(i)

    stream = results(9, work)
    next(stream)
    assert busy.wait(20)
    # As the garbage collector does; joining the busy thread here would take 20 seconds, and fail.
    stream.close()
    assert done == [0]
    goes_on.set()
    (thread,) = [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")][-1:]
    thread.join(20)
    assert done == [0, 1]


def test_after_an_error_the_threads_are_waited_for():
    done = []

    def work(i):
        if i == 0:
            raise ValueError("bad")
        done.append(i)

    with pytest.raises(ValueError, match="bad"):
        list(results(1, work))
    with pytest.raises(KeyError), stream_threads(1) as pool:
        started = threading.Event()
        pool.submit(lambda: (started.set(), threading.Event().wait(0.2), done.append("end")))
        assert started.wait(20)
        raise KeyError
    assert done == ["end"]
