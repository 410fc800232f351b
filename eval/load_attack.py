"""Tests a server under load and attack, and prints latency and faults of the good requests.

  python -m eval.load_attack --model=models/flickr8k_captions
  python -m eval.load_attack --model=runs/export --clients=64 --attackers=0 --idle=0

It starts a server on this machine, attacks only that one, and stops it at the end. Rounds with and
without attackers alternate, so that their latencies are comparable. The exit status is 1 if a good
request was lost or answered wrongly, if an attack got an unexpected answer, or if latency or memory
exceed --max_ratio or --max_memory_mb. Flags after `--` are the server's: with `--header_secs=3
--body_secs=8` slow clients get their answers within a round.
"""

import asyncio

from absl import flags

from cli import program
from eval.load_record import Crowd, attack, summary
from eval.load_server import own_server
from semreg_tf import console

_MODEL = flags.DEFINE_string("model", None, "Folder of an export to serve.", required=True)
_SECS = flags.DEFINE_float("secs", 60.0, "Seconds of attacks, all rounds together.", 1.0)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 3, "Number of rounds with attackers; as many run without.", 1
)
_GOOD = flags.DEFINE_integer("clients", 12, "Clients that send well-formed requests.", 1)
_BAD = flags.DEFINE_integer("attackers", 48, "Concurrent attackers.", 0)
_IDLE = flags.DEFINE_integer("idle", 500, "Idle connections.", 0)
_MAX_RATIO = flags.DEFINE_float(
    "max_ratio",
    4.0,
    "Highest accepted ratio of good requests' 99th percentiles with and without attackers.",
)
_MAX_MEMORY = flags.DEFINE_float(
    "max_memory_mb", 1200.0, "Highest accepted growth of the server's memory in MiB."
)


def main(argv: list[str]) -> None:
    """Runs the attack."""
    crowd = Crowd(_GOOD.value, _BAD.value, _IDLE.value)
    with (
        console.plain_errors(RuntimeError),
        own_server(_MODEL.value, "model", argv[1:]) as address,
    ):
        record = asyncio.run(attack(address, "model", _SECS.value, _ROUNDS.value, crowd))
        print(summary(record))
    slow, large = record.ratio() > _MAX_RATIO.value, record.grown() > _MAX_MEMORY.value
    if record.faults or slow or large:
        raise SystemExit(1)


if __name__ == "__main__":
    program.run(main, arguments="after --, flags of the server")
