"""Who may import whom, and the measures that every file keeps."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("semreg_tf", "cli", "data_prep", "train", "eval")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

# Lowest first. What a part of the library may import beside itself: parts, or single modules.
CONFIG = {
    *("config", "config_io", "decoder_config", "donor_config", "encoder_preset", "files"),
    *("label_task", "reranking_config", "size_rule"),
}
SERVING = CONFIG | {
    "models",
    "decoding",
    "metrics",
    "data.vocabulary",
    "data.name_list",
    "data.image_ops",
}
# What every layer may read user's text with.
TEXT = {"text"}
PICTURES = {"data.picture_decoding", "data.picture_files", "data.crop_sampling"}
ALLOWED = {
    "text": set(),
    "_version": set(),
    # The standard library alone.
    "files": set(),
    "console": set(),
    "name_hints": set(),
    "stopping": set(),
    "number_formats": set(),
    "quiet_tensorflow": set(),
    "tensorflow_import": {"quiet_tensorflow"},
    "stream_threads": set(),
    "config_checks": set(),
    "split_overlap": set(),
    "stage_config": {"config_checks"},
    "reranking_config": {"config_checks"},
    "side_information_config": {"config_checks"},
    "places_config": {"config_checks"},
    "decoder_config": {"config_checks"},
    "config": {
        "config_checks",
        "decoder_config",
        "places_config",
        "reranking_config",
        "side_information_config",
        "split_overlap",
        "stage_config",
    },
    "earlier_configs": {"config", "files", "split_overlap"},
    "config_io": {"config", "config_checks", "earlier_configs", "files", "name_hints"},
    "label_task": {"config"},
    "encoder_preset": {"config"},
    "size_rule": {"config"},
    "donor_config": {"config", "config_io", "files"},
    "experiments": CONFIG | {"name_hints"},
    "data": {"config", "files"},
    "registered_encoders": set(),
    "models": {"config", "label_task", "registered_encoders"},
    "losses": {"config"},
    # Its one door reads `DecodingConfig`.
    "decoding": {"config"},
    "metrics": {"files"},
    # The evaluators, which know no work directory; training's validations run them.
    "evaluation": CONFIG
    | TEXT
    | {"data", "models", "decoding", "metrics", "name_hints", "number_formats"},
    "training": CONFIG
    | TEXT
    | {"_version", "data", "models", "losses", "decoding", "metrics", "evaluation"}
    | {"name_hints", "number_formats", "stopping"},
    # Work directories opened, evaluated, and the result files written.
    "evaluation.runs": CONFIG
    | TEXT
    | {"data", "models", "decoding", "metrics", "evaluation", "training"},
    # No models, so that annotating loads TensorFlow and Pillow alone.
    "image_annotation": TEXT,
    "picture_model": TEXT | PICTURES | {"image_annotation", "stream_threads"},
    # These load either kind of export; each runtime is imported only when it is asked for.
    "litert_model": PICTURES | {"files", "picture_model"},
    "inference": {"files", "image_annotation", "litert_model", "picture_model"},
    "exporting": SERVING,
    "export": SERVING | {"_version", "exporting"},
    "export_litert": SERVING | {"export", "exporting", "image_annotation", "litert_model"},
    "export_run": CONFIG
    | {"data", "training", "evaluation", "evaluation.runs", "export", "exporting", "inference"}
    | {"export_litert", "image_annotation"},
    "annotating": {"image_annotation", "inference", "files", "stream_threads"} | PICTURES,
    "serving": {"_version", "config_checks", "image_annotation", "inference", "files"} | PICTURES,
    "reporting": CONFIG | TEXT | {"metrics", "experiments.reported"},
    "report": CONFIG | {"metrics", "experiments.reported", "reporting"},
    # What `import semreg_tf` offers.
    "api": CONFIG
    | {"data", "evaluation.runs", "experiments", "exporting", "models", "training"}
    | {"image_annotation", "picture_model"},
    "__init__": {"_version", "api", "experiments", "inference", "registered_encoders"}
    | {"tensorflow_import"},
    # Starts `cli`, whose folder it first puts on the path.
    "__main__": set(),
}
# What the binaries share reads of the library; it is in no part of it.
OF_CLI = CONFIG | {
    *("_version", "console", "experiments", "name_hints", "stopping", "tensorflow_import"),
}
SYSTEMS = {"ria", "nic", "nicv2", "mrnn", "att", "v2l", "msrcap", "sinn", "tagneighbour"}

# What users come in by: names for everything below.
DOORS = ("experiments", "api", "__init__")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


MODULES = {module_name(path) for path in FILES}


def imports_of(path):
    """Returns the modules that a file imports, at its top or inside a function.

    `from package import name` is the module `package.name` where there is one.
    """
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide the layer"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in MODULES else node.module)
    return found


def part_of(module):
    """`semreg_tf.data.batch` -> `data`; a room inside a room is a part of its own."""
    names = module.split(".")
    nested = ".".join(names[1:3])
    return nested if nested in ALLOWED else names[1] if len(names) > 1 else "__init__"


def is_allowed(target, allowed):
    own = target.removeprefix("semreg_tf").removeprefix(".") or "__init__"
    if part_of(target) in ALLOWED and "." in part_of(target):
        return part_of(target) in allowed
    return any(own == name or own.startswith(f"{name}.") for name in allowed)


def test_the_files_are_found():
    assert len(FILES) > 80
    assert {part_of(m) for m in MODULES if m.startswith("semreg_tf")} <= set(ALLOWED)
    assert imports_of(ROOT / "semreg_tf" / "report.py") >= {"semreg_tf.experiments.reported"}


def test_each_row_allows_only_rows_above_it():
    """So no two parts import each other, not even late and through others."""
    order = list(ALLOWED)
    for row, part in enumerate(order):
        names = {name if name in ALLOWED else name.split(".")[0] for name in ALLOWED[part]}
        assert names <= set(order[:row]), f"{part} allows {names - set(order[:row])}"


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_of_the_library_imports_only_what_lies_below(part):
    wrong = []
    for path in FILES:
        module = module_name(path)
        if not module.startswith("semreg_tf.") or part_of(module) != part:
            continue
        for target in imports_of(path):
            top = target.split(".")[0]
            own = top == "semreg_tf" and is_allowed(target, ALLOWED[part] | {part} | TEXT)
            if not own and top in (*FOLDERS, "tests"):
                wrong.append(f"{module} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_a_stages_name_is_compared_with_in_its_list_of_phases_alone():
    """All else asks the phases; the report, which runs no model, reads the name in result files."""
    wrong = []
    for path in FILES:
        module = module_name(path)
        if module == "semreg_tf.training.phases" or part_of(module) == "reporting":
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Compare) and _names_a_stage(node):
                wrong.append(f"{module}:{node.lineno}")
    assert not wrong, "\n".join(wrong)


def _names_a_stage(node):
    """`"joint" in config.stages` asks whether there is such a stage, not which one it is."""
    if isinstance(node.left, ast.Constant) and isinstance(node.ops[0], ast.In | ast.NotIn):
        return False
    inner = [node.left, *node.comparators]
    if isinstance(node.ops[0], ast.In | ast.NotIn):
        inner = [x for side in inner for x in getattr(side, "elts", ())]
    return bool(
        {"unary", "relational", "joint"}
        & {getattr(x, "value", None) for x in inner if isinstance(x, ast.Constant)}
    )


def test_no_module_of_data_models_losses_or_search_knows_the_others():
    """The rows that hold each other apart, said once more without the table."""
    for part in ("data", "models", "losses", "decoding", "metrics"):
        assert not ALLOWED[part] & {"data", "models", "losses", "decoding", "metrics", "training"}


@pytest.mark.parametrize("folder", FOLDERS[1:])
def test_binaries_import_the_library_themselves_and_cli_never_each_other(folder):
    others = {*FOLDERS[1:], "tests"} - {folder, "cli"}
    wrong = [
        f"{module_name(path)} imports {target}"
        for path in FILES
        if path.relative_to(ROOT).parts[0] == folder
        for target in imports_of(path)
        if target.split(".")[0] in others
    ]
    assert not wrong, "\n".join(wrong)


def test_beside_the_doors_only_the_report_imports_experiments_and_only_the_printed_tables():
    importers = {}
    for path in FILES:
        module = module_name(path)
        if module.startswith("semreg_tf") and part_of(module) not in DOORS:
            for target in imports_of(path):
                if target.startswith("semreg_tf.experiments"):
                    importers.setdefault(part_of(module), set()).add(target)
    assert set(importers) <= {"report", "reporting"}
    assert set().union(*importers.values()) == {"semreg_tf.experiments.reported"}


def test_what_the_binaries_share_is_no_door_to_the_whole_library():
    found = {
        target
        for path in FILES
        if path.relative_to(ROOT).parts[0] == "cli"
        for target in imports_of(path)
        if target.split(".")[0] == "semreg_tf"
    }
    assert found and all(is_allowed(target, OF_CLI) for target in found), found


def test_the_library_reads_no_flag():
    flags = re.compile(r"absl\.flags|absl import .*(flags|app)|argparse|sys\.argv")
    for path in (ROOT / "semreg_tf").rglob("*.py"):
        assert not flags.search(path.read_text(encoding="utf-8")), path


def words_of(tree):
    """Names and strings of a file, docstrings left out, as lower-case words."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        for attribute in ("id", "attr", "name", "arg"):
            value = getattr(node, attribute, None)
            if isinstance(value, str):
                yield from value.lower().split("_")
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if text and id(node) not in docstrings:
            yield from re.split(r"[^a-z0-9]+", node.value.lower())


def test_no_model_is_named_after_a_system():
    for path in sorted((ROOT / "semreg_tf" / "models").glob("*.py")):
        named = SYSTEMS & {*path.stem.split("_"), *words_of(tree_of(path))}
        assert not named, f"{path.name} names {named}"


def test_no_file_is_long_and_each_is_named_for_what_it_does():
    for path in (*FILES, *TESTS):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= MAX_FILE_LINES, f"{path} has {lines} lines"
        assert path.stem not in ("utils", "common", "helpers"), path


def test_functions_are_short_and_checks_are_no_asserts():
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            assert not isinstance(node, ast.Assert), f"{path}, line {node.lineno}: an assert"
            if isinstance(node, ast.FunctionDef):
                docstring = (ast.get_docstring(node, clean=False) or "").splitlines()
                lines = node.end_lineno - node.lineno + 1 - len(docstring)
                assert lines < MAX_FUNCTION_LINES, f"{path}: {node.name} has {lines} lines"
