from data_prep.seeded_draw import drawn_order

NAMES = [f"{i}.jpg" for i in range(100)]


def test_the_order_hangs_on_the_seed_and_on_no_other_order():
    order = drawn_order(1, NAMES)
    assert sorted(order) == sorted(NAMES)
    assert order != NAMES
    assert drawn_order(1, NAMES[::-1]) == order
    assert drawn_order(2, NAMES) != order


def test_a_name_more_moves_no_other():
    order = drawn_order(1, [*NAMES, "more.jpg"])
    order.remove("more.jpg")
    assert order == drawn_order(1, NAMES)


def test_the_draw_is_the_same_for_ever():
    assert drawn_order(2017, ["a", "b", "c", "d", "e"]) == ["c", "e", "a", "b", "d"]
