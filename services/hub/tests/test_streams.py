from picket_hub.streams import MAX_STREAMS, Stream, Streams, Verdict


def test_messages_in_order_are_fanned_out_and_stored() -> None:
    stream = Stream(committed=0)

    verdicts = [stream.arrive(1, 0, room=True), stream.arrive(2, 1, room=True)]

    assert verdicts == [Verdict(True, True, ""), Verdict(True, True, "")]


def test_a_repeated_message_is_acknowledged_once_it_is_on_disk_and_never_fanned_out_again() -> None:
    stream = Stream(committed=0)
    stream.arrive(1, 0, room=True)

    on_its_way = stream.arrive(1, 0, room=True)
    stream.committed = 1
    on_disk = stream.arrive(1, 0, room=True)

    assert (on_its_way, on_disk) == (Verdict(False, False, ""), Verdict(False, False, "ack"))


def test_after_a_restart_of_the_hub_a_gap_is_asked_for_once_and_then_filled() -> None:
    stream = Stream(committed=4)

    gap, again = stream.arrive(7, 6, room=True), stream.arrive(8, 7, room=True)
    filled = [stream.arrive(seq, seq - 1, room=True).store for seq in (5, 6, 7, 8)]

    assert (gap.reply, again.reply, gap.store) == ("back", "", False)
    assert filled == [True] * 4


def test_numbers_that_the_producer_no_longer_holds_are_no_gap() -> None:
    stream = Stream(committed=4)

    assert stream.arrive(9, 0, room=True).store


def test_without_room_a_message_is_live_but_comes_again() -> None:
    stream = Stream(committed=0)

    refused = stream.arrive(1, 0, room=False)
    later = stream.arrive(1, 0, room=True)

    assert (refused.fan_out, refused.store) == (True, False)
    assert (later.fan_out, later.store) == (False, True)


def test_two_starts_of_one_producer_do_not_disturb_each_other() -> None:
    streams = Streams({"gateway:old": 4})
    first = streams.of(b"gateway:new").arrive(1, 0, room=True)
    late = streams.of(b"gateway:old").arrive(4, 0, room=True)
    again = streams.of(b"gateway:new").arrive(1, 0, room=True)

    assert (first.store, late.reply, again.store) == (True, "ack", False)


def test_the_producers_that_have_been_silent_the_longest_are_forgotten() -> None:
    streams = Streams({"gateway:a": 4})
    streams.of(b"relay:b").arrive(1, 0, room=True)
    for number in range(MAX_STREAMS - 1):
        streams.of(b"rubbish:%d" % number)

    assert streams.of(b"relay:b").accepted == 1
    assert streams.of(b"gateway:a").accepted == 0
