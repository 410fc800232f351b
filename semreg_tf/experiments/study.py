"""The parts of a study: systems, their seeds, and the stages that one reuses from another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from semreg_tf import config_io, experiments
from semreg_tf.config import Config
from semreg_tf.encoder_preset import with_preset
from semreg_tf.files.system_names import file_name

# Values of `System.reused_stages`: stages of the proposed model to reuse.
UNARY, BOTH = (("unary", "ours"),), (("unary", "ours"), ("relational", "ours"))


@dataclass(frozen=True)
class System:
    """One row of a study's table.

    Attributes:
      name: name of the row and of its folder.
      experiment: name of the experiment.
      overrides: values of config fields, such as "joint.steps=810".
      reused_stages: pairs (stage, system): the stage is that system's, of the same seed.
      evaluations: pairs (name, flags of the evaluation binary) of further evaluations.
      starts_from: a pair (stage, system): the stage's run of that system with the same seed gives
        the first stage its initial weights; weights that it does not have are initialised anew.
      encoder: another CNN, a value of `encoder_preset`; None: the experiment's.
      members: pairs (system, seed) of trained models to average; such a system is not trained.
    """

    name: str
    experiment: str
    overrides: tuple[str, ...] = ()
    reused_stages: tuple[tuple[str, str], ...] = ()
    evaluations: tuple[tuple[str, tuple[str, ...]], ...] = ()
    encoder: str | None = None
    starts_from: tuple[str, str] | None = None
    members: tuple[tuple[str, int], ...] = ()

    def averaged(self, seeds: tuple[int, ...]) -> "System":
        """Returns the ensemble of this system's models from several seeds."""
        members = tuple((self.name, seed) for seed in seeds)
        return replace(self, name=f"{self.name} x{len(seeds)}", members=members)

    def config(self, more: Sequence[str] = ()) -> Config:
        """Returns the experiment's config with the CNN, the overrides and `more` ones applied."""
        base = experiments.get(self.experiment)
        overrides = with_preset(self.encoder, (*self.overrides, *more), base)
        return config_io.apply_overrides(base, overrides)


@dataclass(frozen=True)
class Job:
    """A system trained from one seed."""

    system: System
    seed: int


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
      name: the study's name.
      jobs: the jobs in the order in which they run.
      budget: description of the systems' training, for readers.
      after: a study that must run first, into the same folder, because this one reuses its stages.
    """

    name: str
    jobs: tuple[Job, ...]
    budget: str
    after: str | None = None

    def __post_init__(self) -> None:
        """Refuses systems that would share a folder: of one name, or of one file name."""
        known: dict[str, System] = {}
        for job in self.jobs:
            # Some seeds may have fewer evaluations than others.
            system = replace(job.system, evaluations=())
            other = known.setdefault(file_name(system.name), system)
            if other != system:
                raise ValueError(
                    f"`jobs` of the study {self.name!r} must not have two systems in the folder "
                    f"{file_name(system.name)!r}: rename one. "
                    f"Received: {other.name!r} and {system.name!r}, which differ"
                )

    def system(self, name: str) -> System:
        """Returns a system by its name.

        Raises:
          ValueError: the study has no such system.
        """
        known = {job.system.name: job.system for job in self.jobs}
        if name not in known:
            raise ValueError(
                f"`system` must be one of the study's: {', '.join(known)}. "
                f"Received: system={name!r}"
            )
        return known[name]


def jobs_of(systems: tuple[System, ...], seeds: tuple[int, ...]) -> tuple[Job, ...]:
    """Returns one job per system and seed, ordered by seed."""
    return tuple(Job(system, seed) for seed in seeds for system in systems)


def named_by(study: str, encoder: str) -> str:
    """Returns a study's name with a CNN: "flickr8k_lite0" for "efficientnet_lite0"."""
    return f"{study}_{encoder.removeprefix('efficientnet_').replace(':', '_')}"
