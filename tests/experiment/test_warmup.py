from perfproof.experiment.warmup import is_steady


def test_fewer_than_four_stretches_are_not_steady() -> None:
    assert not is_steady([1.0, 1.0, 1.0])


def test_a_level_is_steady_and_a_fall_is_not() -> None:
    assert is_steady([9.0, 1.0, 1.05, 1.0, 0.95])
    assert not is_steady([3.0, 2.5, 2.0, 1.5])


def test_a_burst_of_noise_is_not_taken_for_warming_up() -> None:
    assert is_steady([1.0, 1.1, 1.9, 1.15])
