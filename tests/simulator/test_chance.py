from collector.simulator.chance import Chance


def test_the_same_labels_draw_the_same_bytes() -> None:
    assert Chance(b"root").draw(16, "day", 3) == Chance(b"root").draw(16, "day", 3)


def test_another_root_draws_other_bytes() -> None:
    assert Chance(b"root").draw(16, "day", 3) != Chance(b"other").draw(16, "day", 3)


def test_another_place_draws_other_bytes() -> None:
    chance = Chance(b"root")

    assert len({chance.draw(16, "day", 3), chance.draw(16, "day", 4), chance.draw(16, "day", 3, 4)}) == 3


def test_a_branch_is_another_source() -> None:
    assert Chance(b"root").branch("requests").draw(16, "day", 3) != Chance(b"root").draw(16, "day", 3)


def test_a_longer_draw_starts_with_the_shorter_one() -> None:
    chance = Chance(b"root")

    assert chance.draw(90, "costs", 1)[:40] == chance.draw(40, "costs", 1)


def test_numbers_stay_below_their_bound_and_reach_every_value() -> None:
    chance = Chance(b"root")

    assert {chance.number(7, "opening", place) for place in range(200)} == set(range(7))
