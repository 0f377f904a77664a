"""From the agent's lines to what became of connections."""

from perfproof.why.observed.connections import pool_facts, sqlite_files

HELLO = {"k": "hello", "pid": 1}


def taken(at, waited=10, *, inside=True):
    return {"k": "w", "t": waited, "at": at, "r": inside}


def back(at):
    return {"k": "u", "at": at}


def opened(took, *, inside=True, pooled=False):
    return {"k": "o", "t": took, "r": inside, "i": pooled}


def pool(size):
    return {"k": "z", "id": 1, "size": size, "most": None}


def test_nothing_is_known_of_a_service_without_the_agent():
    assert pool_facts([], [], 10) is None


def test_the_time_of_a_connection_opened_for_a_waiting_request_counts_once():
    facts = pool_facts([opened(400, pooled=True), taken(1000, 500)], [HELLO, pool(5)], 1)
    assert facts is not None
    assert (facts.opened, facts.checkouts, facts.waited_ns, facts.pool_size) == (1, 1, 500, 5)


def test_without_a_pool_opening_is_what_is_waited_for():
    facts = pool_facts([opened(400), opened(300)], [HELLO], 2)
    assert facts is not None
    assert (facts.opened, facts.checkouts, facts.waited_ns, facts.in_use, facts.pool_size) == (2, None, 700, None, None)


def test_a_pool_that_fills_itself_beforehand_keeps_nobody_waiting():
    lines = [{"k": "b", "r": "x"}, opened(9000, inside=False), taken(5, 20)]
    facts = pool_facts(lines, [HELLO, pool(1)], 1)
    assert facts is not None
    assert (facts.opened, facts.waited_ns) == (1, 20)


def test_in_use_is_the_most_at_once_over_all_processes_whatever_the_order_of_lines():
    lines = [taken(10), back(40), taken(20), back(25), taken(30), back(60), taken(50), back(70)]
    facts = pool_facts(lines, [HELLO, pool(2), {**pool(3), "id": 2}], 4)
    assert facts is not None
    assert (facts.in_use, facts.pool_size) == (2, 5)


def test_a_connection_lent_before_and_given_back_after_is_not_counted_below_zero():
    facts = pool_facts([back(5), taken(10), taken(11), back(20), back(21)], [HELLO, pool(2)], 2)
    assert facts is not None
    assert facts.in_use == 2


def test_files_of_sqlite_come_once_each():
    lines = [{"k": "f", "p": "/a.db"}, HELLO, {"k": "f", "p": "/b.db"}, {"k": "f", "p": "/a.db"}]
    assert [str(file) for file in sqlite_files(lines)] == ["/a.db", "/b.db"]
