"""Builds, trains, evaluates and annotates on the demo: python docs/api_example.py DATA OUT."""

import sys
from pathlib import Path

import semreg_tf
from semreg_tf.export_run import export_run

NAME = "demo_tags/s_cnn_rnn"
data, out, *overrides = sys.argv[1:]

semreg_tf.build(NAME, data_dir=data, overrides=overrides).model.summary()
results = semreg_tf.train(NAME, data, out, overrides=overrides)
print({stage: result["steps"] for stage, result in results.items()})

run = semreg_tf.load_run(f"{out}/joint")
print(run.summary())
scores = run.evaluate(data)["systems"]
print({system: round(values["O-F1"], 3) for system, values in scores.items()})

pictures = sorted(Path(out, "joint", "pictures").glob("*.jpg"))[:3]
print("concept probabilities", run.predict(pictures).shape)
export_run(f"{out}/joint", f"{out}/export")
for annotation in semreg_tf.load(f"{out}/export").annotate(pictures):
    print(annotation.text, annotation.concepts[:2])
