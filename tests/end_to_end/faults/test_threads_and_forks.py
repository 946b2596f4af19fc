"""A thousand threads with one model, and processes that fork while it is in use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from support.commands import environment
from support.library import sound

import streamgenre

RATE = 16_000


def stream_of(model, number):
    """Probabilities of the updates of a stream, fed in uneven chunks."""
    stream, samples = model.stream(), sound(number, 3.0)
    updates = []
    for part in np.array_split(samples, 3 + number % 5):
        updates += stream.feed(part, RATE)
    updates += stream.flush()
    return np.array([[*update.probabilities.values()] for update in updates])


def in_threads(model, count, kinds):
    serial = [stream_of(model, number) for number in range(kinds)]
    before = threading.active_count()
    found, errors = {}, []
    start = threading.Barrier(count)

    def work(i):
        try:
            start.wait()
            found[i] = stream_of(model, i % kinds)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(found) == count
    for i, probabilities in found.items():
        np.testing.assert_allclose(probabilities, serial[i % kinds], atol=1e-5)
    assert threading.active_count() == before


def test_many_threads_share_a_model(model):
    in_threads(model, 60, 6)


@pytest.mark.slow
def test_a_thousand_threads_share_a_model(model):
    in_threads(model, 1_000, 20)


def forked(call):
    """The result of a call in a forked process: "ok", or the text of an error."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)  # a hang ends by a signal
        try:
            call()
            text = "ok"
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "it hung or crashed"
    return text


posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@posix
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_streams_and_pools_continue_in_a_forked_process(model):
    samples = sound(1, 4.0)
    for make in (model.stream, lambda: model.pool(patience=0).stream()):
        streams = [make(), make()]
        for stream in streams:
            stream.feed(samples, RATE)

        def more(stream=streams[0]):
            stream.feed(samples, RATE)

        assert forked(more) == "ok"
        streams[1].feed(samples, RATE)

    def again():
        expected = stream_of(model, 1)
        np.testing.assert_allclose(stream_of(streamgenre.load(), 1), expected, atol=1e-5)

    assert forked(again) == "ok"


@posix
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_forks_while_other_threads_use_the_model(model):
    stop = threading.Event()

    def work():
        while not stop.is_set():
            stream_of(model, 2)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            assert forked(lambda: stream_of(model, 1)) == "ok"
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@posix
def test_processes_of_multiprocessing(tmp_path):
    """In a fresh process, as its threads and those of the tests would mix."""
    program = """if True:
        import multiprocessing, sys
        import numpy as np
        import streamgenre
        from support.library import sound

        model = streamgenre.load()
        expected = model.classify((sound(1, 3.0), 16_000)).confidence

        def work(number):
            return model.classify((sound(1, 3.0), 16_000)).confidence

        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                found = pool.map(work, range(4))
            assert np.allclose(found, expected, atol=1e-5)
        """
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True, timeout=120)


@posix
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_objects_with_threads_refuse_to_work_in_a_forked_process(scanned, tmp_path, model):
    from streamgenre.radio.monitor import Radio
    from streamgenre.radio.stations import Station

    table = tmp_path / "r.csv"
    rows = streamgenre.scan(scanned / "music", output=table, jobs=1)
    next(rows)
    assert "the scan belongs to the process that created it" in forked(lambda: list(rows))
    assert len(list(rows)) == 2 and len(streamgenre.read_results(table)) == 3

    listener = streamgenre.listen(play=scanned / "music" / "0.flac", model=model)
    updates = iter(listener)
    next(updates)
    assert "the listener belongs to the process" in forked(lambda: list(updates))
    assert [update.time for update in updates][-1] == pytest.approx(3.0, abs=0.01)

    with Radio([Station("x", "http://127.0.0.1:9/")], model) as radio:
        assert "the radio monitor belongs to the process" in forked(lambda: list(radio))
        assert forked(radio.close) == "ok"
        assert not radio.ended
