"""Table 1's systems that read user tags otherwise: the literature's numbers, and what differs."""

import dataclasses

import pytest

from semreg_tf import config_io, experiments
from semreg_tf.experiments import reported


def differing(name, other):
    found = config_io.differing_fields(experiments.get(name), experiments.get(other))
    return {key: value for key, value in found.items() if key not in ("name", "table_row")}


def test_other_side_information_stands_in_table_1():
    for system, row in (("tag_neighbours", "TagNeighbour"), ("sinn", "SINN")):
        config = experiments.get(f"nus_wide_tags/{system}")
        table, name = reported.lookup(config.table_row)
        assert (table.name, name) == ("Table 1", row)
        assert config.encoder == dataclasses.replace(
            experiments.get("nus_wide_tags/cnn_logistic").encoder, trainable=False
        )
        assert (config.decoder, config.stages, config.decoding.top_k) == (None, ("unary",), 3)


def test_tag_neighbours_have_the_numbers_of_the_literature():
    config = experiments.get("nus_wide_tags/tag_neighbours")
    own = config.concepts.neighbours
    assert (own.count, own.drawn, own.hidden_units, own.dropout) == (6, 3, 500, 0.5)
    assert (own.pool, own.tag_vector, config.data.num_user_tags) == ("split", "hidden", 5_000)
    unary = config.unary
    assert (unary.optimizer, unary.learning_rate, unary.batch_size) == ("rmsprop", 1e-4, 50)
    assert (unary.steps, unary.weight_decay) == (10 * 142_500 // 50, 3e-4)
    alone = differing("nus_wide_tags/tag_neighbours_alone", "nus_wide_tags/tag_neighbours")
    assert alone == {"concepts.neighbours.tag_vector": "none"}


@pytest.mark.parametrize("dataset", ["nus_wide_tags", "demo_tags"])
def test_layers_of_concepts_differ_in_their_form_and_in_groups(dataset):
    config = experiments.get(f"{dataset}/sinn")
    assert config.observed_layers == ("groups", "user_tags")
    assert (config.data.num_groups, config.data.num_user_tags) == (698, 1_000)
    assert config.concepts.layers.observed_epsilon == 0.005
    bare, linear = {"data.num_groups": 0}, {"concepts.layers.form": "linear"}
    assert differing(f"{dataset}/sinn_no_groups", f"{dataset}/sinn") == bare
    assert differing(f"{dataset}/binn", f"{dataset}/sinn") == linear
    assert differing(f"{dataset}/binn_no_groups", f"{dataset}/sinn") == bare | linear


def test_where_there_are_no_user_tags_the_labels_pass_messages_alone():
    config = experiments.get("corel5k_tags/sinn_labels_alone")
    assert (config.data.num_groups, config.data.num_user_tags) == (0, 0)
    assert config.observed_layers == config.predicted_layers == ()


def test_every_row_of_tables_1_and_2_can_be_run():
    for dataset, name in (("nus_wide_tags", "Table 1"), ("coco_tags", "Table 2")):
        names = [n for n in experiments.names() if n.startswith(f"{dataset}/")]
        found = [reported.lookup(experiments.get(n).table_row) for n in names]
        rows = {system for table, system in filter(None, found) if table.name == name}
        assert rows == set(reported.TABLES[name].rows)
