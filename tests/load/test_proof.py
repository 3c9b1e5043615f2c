"""What the client says of itself, from arrays: which events are unsure, by how much, and whether that is too much."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from builders import a_request
from enginebench.load.kept import DID_NOT_WAIT, Kept
from enginebench.load.proof import Watch, proof
from enginebench.load.queueing import RunQueue

MS = 1_000_000


def times(*values_ms):
    return np.array([value * MS for value in values_ms], dtype=np.int64)


def found(watch, requests, **more):
    given = {"closed": True, "resent": 0, "cpu_s": 1.0, "clock_jump_ns": 0, **more}
    return proof([watch], requests, **given)


def asked(events_ms, *, scheduled_ms=0, sent_ms=0):
    events = [value * MS for value in events_ms]
    return a_request(
        scheduled_ns=scheduled_ms * MS,
        sent_ns=sent_ms * MS,
        first_token_ns=events[0],
        last_token_ns=events[-1],
        end_ns=events[-1],
        event_ns=tuple(events),
    )


def events(watch, event_ms, followed, came_ms, earliest_ms, *, first=True, owner=0):
    watch.events(owner, first, times(*event_ms), np.array(followed, dtype=bool), times(*came_ms), times(*earliest_ms))


def test_events_in_reads_of_their_own_are_sure_however_late_they_were_read():
    watch = Watch(kernel_times=True)
    watch.reads(times(50, 50))
    events(watch, [10, 20], [0, 0], [10, 20], [0, 0])
    one = found(watch, [asked([10, 20])])
    assert (one.unsure_events, one.itl_error_share, one.client_bound()) == (0, 0.0, False)
    assert (one.reads, one.lag_max_ns) == (2, 50 * MS)


def test_events_that_share_a_read_may_have_come_as_early_as_the_loop_last_looked():
    watch = Watch(kernel_times=True)
    events(watch, [10, 30, 30], [0, 1, 0], [10, 30], [10, 12])
    one = found(watch, [asked([10, 30, 30])])
    assert (one.unsure_events, one.shifted_events_share) == (1, pytest.approx(1 / 3))
    assert (one.ttft_error_share, one.itl_error_share) == (0, 0), "neither the first nor the last"


def test_a_first_event_that_shares_its_read_makes_ttft_and_itl_unsure():
    watch = Watch(kernel_times=True)
    events(watch, [100, 100, 110], [1, 0, 0], [100, 110], [95, 110])
    one = found(watch, [asked([100, 100, 110])])
    assert one.ttft_error_share == pytest.approx(0.05)
    assert one.itl_error_share == pytest.approx(5 / 10)


def test_a_last_event_behind_which_usage_came_is_unsure_until_a_later_one_comes():
    watch = Watch(kernel_times=True)
    events(watch, [10, 30], [0, 1], [10, 30], [10, 26])
    assert found(watch, [asked([10, 30])]).itl_error_share == pytest.approx(4 / 20)
    events(watch, [50], [0], [50], [50], first=False)
    one = found(watch, [asked([10, 30, 50])])
    assert (one.unsure_events, one.itl_error_share) == (1, 0)


def test_the_last_events_of_all_requests_count():
    watch = Watch(kernel_times=True)
    for owner in (0, 1):
        events(watch, [10, 30], [0, 1], [10, 30], [10, 29], owner=owner)
    assert found(watch, [asked([10, 30])] * 2).itl_error_share == pytest.approx(2 / 40)


def test_events_that_the_server_wrote_at_once_are_not_the_clients_fault():
    watch = Watch(kernel_times=True)
    events(watch, [10, 20, 20], [0, 1, 1], [10, 20], [10, 20])
    assert not found(watch, [asked([10, 20, 20])]).client_bound()


def test_without_kernel_times_every_event_is_as_unsure_as_its_read():
    watch = Watch(kernel_times=False)
    events(watch, [10, 20], [0, 0], [10, 20], [9, 18])
    one = found(watch, [asked([10, 20])])
    assert one.unsure_events == 2
    assert one.ttft_error_share == pytest.approx(0.1)
    assert one.itl_error_share == pytest.approx(3 / 10)


@pytest.mark.parametrize(("closed", "share"), [(True, 0.25), (False, 0.0)])
def test_a_late_send_keeps_a_slot_empty_in_a_closed_loop_only(closed, share):
    one = found(Watch(kernel_times=True), [asked([100], scheduled_ms=0, sent_ms=20)], closed=closed)
    assert one.throughput_error_share == pytest.approx(share)
    assert one.client_bound() == closed


def test_a_clock_that_was_set_spoils_the_kernels_times():
    assert not found(Watch(kernel_times=True), [asked([10, 20])], clock_jump_ns=1000).client_bound()
    assert found(Watch(kernel_times=True), [asked([10, 20])], clock_jump_ns=2 * MS).client_bound()


@pytest.mark.parametrize(
    ("queued_ns", "earliest_ms"),
    [(DID_NOT_WAIT, 60), (0, 100), (30 * MS, 70)],
    ids=["came while the loop was busy", "woke it", "woke it, and it had no core for 30 ms"],
)
def test_how_early_what_a_read_brings_can_have_come(queued_ns, earliest_ms):
    kept = Kept(kernel_times=False)
    for polled_ms, queued in ((60, DID_NOT_WAIT), (100, queued_ns)):
        kept.begin_turn(polled_ms * MS, queued)
        kept.request.append(0)
        kept.lengths.append(1)
        kept.at += 1
        kept.done_ns.append(polled_ms * MS)
    (window,) = kept.windows()
    kept.close()
    assert window.came_ns.tolist() == [60 * MS, 100 * MS]
    assert window.earliest_ns[1] == earliest_ms * MS


@pytest.mark.skipif(not os.path.exists("/proc/thread-self/schedstat"), reason="the kernel keeps no count")
def test_the_time_without_a_core_is_counted():
    """Two busy processes on one core: each waits half of the time."""
    cores = os.sched_getaffinity(0)
    queue = RunQueue()
    os.sched_setaffinity(0, {min(cores)})
    try:
        with subprocess.Popen([sys.executable, "-c", "for _ in range(10**8): pass"]) as spinner:
            before_ns, begun_ns = queue.waited_ns(), time.monotonic_ns()
            while time.monotonic_ns() - begun_ns < 300 * MS:
                pass
            waited_ns = queue.waited_ns() - before_ns
            spinner.kill()
    finally:
        os.sched_setaffinity(0, cores)
        queue.close()
    assert waited_ns > 50 * MS


def test_a_set_clock_is_seen_and_a_drifting_one_is_not():
    kept = Kept(kernel_times=True)
    second = 1_000_000_000
    kept._offsets = [(0, 0), (second, 400_000), (2 * second, 800_000)]
    assert kept.clock_jump_ns() == 0
    kept._offsets.append((3 * second, 50_800_000))
    assert kept.clock_jump_ns() == 49_000_000
    kept.close()


@pytest.mark.parametrize(("count", "bound"), [(298, False), (299, True)])
def test_events_that_may_be_off_spoil_p99_itl_where_there_is_one(count, bound):
    watch = Watch(kernel_times=True)
    every = [10 * place for place in range(1, count + 1)]
    off = [1 if 10 <= place < 20 else 0 for place in range(count)]
    events(watch, every, off, every, [at - 2 * one for at, one in zip(every, off, strict=True)])
    one = found(watch, [asked(every)])
    assert (one.unsure_events, one.itl_error_share) == (10, 0)
    assert one.client_bound() == bound


@pytest.mark.parametrize(("late_ms", "bound"), [(0, False), (4, False), (20, True)])
def test_an_open_loop_that_is_sent_slower_than_offered_is_the_clients(late_ms, bound):
    sends = [asked([1200], scheduled_ms=at, sent_ms=at + late_ms * at // 1000) for at in range(0, 1001, 100)]
    one = found(Watch(kernel_times=True), sends, closed=False)
    assert one.offered_rps == pytest.approx(10)
    assert one.delivered_rps == pytest.approx(10 / (1 + late_ms / 1000))
    assert one.client_bound() == bound
    closed = found(Watch(kernel_times=True), sends)
    assert (closed.offered_rps, closed.delivered_rps) == (None, None)
