from semreg_tf.name_hints import closest_name, did_you_mean


def test_a_near_name_is_offered_and_a_far_one_is_not():
    known = (name for name in ("cells", "activation"))
    assert did_you_mean("cels", known) == ": did you mean 'cells'?"
    assert did_you_mean("zzz", ["cells"]) == "."
    assert closest_name("activaton", ["cells", "activation"]) == "activation"
    assert closest_name("cells", []) is None
