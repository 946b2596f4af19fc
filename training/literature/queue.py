"""A queue of rows, which several processes can share."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

import torch
from filelock import FileLock, Timeout

from streamgenre.errors import StreamgenreError

from .. import checkpoint
from ..data import DataError
from ..evaluation.metrics import Estimate
from .results import Entry, check_data, find_result, read_results
from .rows import Row
from .run import Bench, NotHereError, now, run_row


def work_off(
    bench: Bench,
    rows: Sequence[Row],
    seeds: Sequence[int] = (),
    *,
    again: bool = False,
    progress: Callable[[str], object] = print,
) -> list[str]:
    """Run all rows and seeds without a result; return the names of those that failed.

    First seeds come before second ones, and stacked rows last. Rows that are not possible with this
    data are skipped. A failure is reported and does not stop the others. Raises DataError if the
    results are for other data.

    Args:
        seeds: replace the seeds of the rows.
        again: repeat measurements from before this call.
        progress: called with each message.
    """
    check_data(bench.results, bench.audio.source)
    wanted = [(row, seed) for row in rows for seed in (seeds or row.seeds)]
    # A stacked row needs every seed of its parts, and trains the missing ones.
    wanted.sort(
        key=lambda pair: (pair[0].kind == "stacking", (seeds or pair[0].seeds).index(pair[1]))
    )
    begun = now()
    torch.set_num_threads(1)  # each process one core, so that CPU times can be compared
    failed = []
    for row, seed in wanted:
        name = f"{row.system}-{seed}"
        try:
            with FileLock(bench.lock(row, seed), timeout=0):
                results = read_results(bench.results)
                done = find_result(results, row.system, seed)
                if done and tuple(done.set or ()) != row.changes:
                    raise DataError(
                        f"{bench.results}: has a result with other config entries; give "
                        "another folder with --results"
                    )
                if done and (not again or (done.time or "") >= begun):
                    continue
                progress(
                    f"{name}: {row.title}; seed {seed}, data {bench.audio.source[:12]}, "
                    f"commit {_short(checkpoint.commit())}, started {now()}"
                )
                result = run_row(bench, row, seed)
        except Timeout:
            continue  # another process is running it
        except NotHereError as error:
            progress(f"{name}: skipped: {error}")
        except (StreamgenreError, OSError) as error:
            progress(f"{name}: failed: {error}")
            failed.append(name)
        except Exception:  # an error in one row must not stop the others
            progress(f"{name}: failed\n{traceback.format_exc()}")
            failed.append(name)
        else:
            progress(f"{name}: {_summary(result)}")
    return failed


def _short(commit: str) -> str:
    return commit[:12] + commit[40:] or "none"


def _summary(entry: Entry) -> str:
    figures = []
    for measure in ("accuracy", "macro_recall", "roc_auc", "pr_auc"):
        value = entry.estimate(measure)
        if value is not None:
            value = value.value if isinstance(value, Estimate) else value
            figures.append(f"{measure.replace('_', ' ')} {value:.3f}")
    return f"{', '.join(figures)} in {entry.wall_seconds} s"
