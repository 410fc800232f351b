"""What a study is: systems, the seeds they are trained from, and what each takes of another."""

from dataclasses import dataclass, replace

from semreg_tf import config_io, experiments
from semreg_tf.config import Config
from semreg_tf.encoder_preset import with_preset

# Which stages a system takes of the proposed model, of the same seed.
UNARY, BOTH = (("unary", "ours"),), (("unary", "ours"), ("relational", "ours"))


@dataclass(frozen=True)
class System:
    """One row of a study's table.

    Attributes:
      name: of the row, and of its folder.
      experiment: its entry in the registry.
      overrides: fields that differ from the experiment's, such as "joint.steps=810".
      takes: stage -> the system whose run of that stage, with the same seed, is used as it is.
      evaluations: more ways to evaluate the trained model: name -> flags of the binary.
      starts_from: the system whose first stage, with the same seed, its CNN is taken from; the rest
        starts from nothing.
      encoder: its CNN in place of the experiment's, as `encoder_preset` reads it, or None.
      members: (system, seed) of the trained models that it averages; it trains none then.
    """

    name: str
    experiment: str
    overrides: tuple[str, ...] = ()
    takes: tuple[tuple[str, str], ...] = ()
    evaluations: tuple[tuple[str, tuple[str, ...]], ...] = ()
    encoder: str | None = None
    starts_from: str | None = None
    members: tuple[tuple[str, int], ...] = ()

    def averaged(self, seeds: tuple[int, ...]) -> "System":
        """Returns the ensemble of this system's models from several seeds."""
        members = tuple((self.name, seed) for seed in seeds)
        return replace(self, name=f"{self.name} x{len(seeds)}", members=members)

    def config(self) -> Config:
        """Returns the experiment's config with the CNN and the overrides applied."""
        base = experiments.get(self.experiment)
        return config_io.apply_overrides(base, with_preset(self.encoder, self.overrides, base))


@dataclass(frozen=True)
class Job:
    """A system trained from one seed."""

    system: System
    seed: int


@dataclass(frozen=True)
class Study:
    """What `name` stands for: jobs in the order of work, and what a reader should know.

    Attributes:
      name: of the study.
      jobs: in the order of work.
      budget: in words, what every system was given.
      after: a study that is run before, into the same folder, where this one takes stages of it.
    """

    name: str
    jobs: tuple[Job, ...]
    budget: str
    after: str | None = None

    def system(self, name: str) -> System:
        """Returns a system by its name.

        Raises:
          ValueError: the study has none of that name.
        """
        known = {job.system.name: job.system for job in self.jobs}
        if name not in known:
            raise ValueError(
                f"`system` must be one of the study's: {', '.join(known)}. "
                f"Received: system={name!r}"
            )
        return known[name]


def jobs_of(systems: tuple[System, ...], seeds: tuple[int, ...]) -> tuple[Job, ...]:
    """Returns a job for each system and seed, all systems of a seed together."""
    return tuple(Job(system, seed) for seed in seeds for system in systems)


def named_by(study: str, encoder: str) -> str:
    """Returns a study's name with its CNN: "flickr8k_lite0" of "efficientnet_lite0"."""
    return f"{study}_{encoder.removeprefix('efficientnet_').replace(':', '_')}"
