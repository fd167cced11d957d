from concurrent.futures import ThreadPoolExecutor

from collector.simulator.running_sum import RunningSum


def test_sums_are_those_of_the_days_before() -> None:
    assert [RunningSum(lambda day: day * day).before(day) for day in (0, 1, 2, 3, 4)] == [0, 0, 1, 5, 14]


def test_a_day_is_worked_out_once() -> None:
    asked: list[int] = []

    def amount_of(day: int) -> int:
        asked.append(day)
        return 1

    sums = RunningSum(amount_of)
    sums.before(5)
    sums.before(3)
    sums.before(6)

    assert asked == [0, 1, 2, 3, 4, 5]


def test_a_position_is_found_on_its_day_and_days_without_an_amount_are_skipped() -> None:
    sums = RunningSum([2, 0, 0, 3].__getitem__)
    sums.before(4)

    assert [sums.day_holding(position) for position in range(5)] == [0, 0, 3, 3, 3]


def test_many_threads_see_one_sum() -> None:
    sums = RunningSum(lambda day: day)

    with ThreadPoolExecutor(8) as pool:
        totals = set(pool.map(lambda _: sums.before(2_000), range(32)))

    assert totals == {1_999_000}
