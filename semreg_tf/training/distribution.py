"""Distribution of training steps over devices and machines.

The config's batch size is the global one: replica i of n reads every n-th example of a batch from
the i-th on. Each worker is a process of the same command with its own TF_CONFIG. All workers share
one work directory, which only the chief writes.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

STRATEGIES = ("none", "mirrored", "multi_worker_mirrored", "tpu")


class LostWorkerError(RuntimeError):
    """Another worker has ended, so training cannot continue."""


class Distribution:
    """The replicas that share a training step.

    It must be created before TensorFlow runs any operation.

    Attributes:
      strategy: the strategy of `tf.distribute`.
      num_replicas: number of replicas of all workers.
      num_workers: number of processes.
      is_chief: whether this process writes checkpoints, logs and results.

    Args:
      name: one of `STRATEGIES`. "none": one replica. "mirrored": all GPUs of this machine.
        "multi_worker_mirrored": the processes of TF_CONFIG. "tpu": the TPU of this process (not
        tested).

    Raises:
      ValueError: the name is unknown, or the machine has no such devices.

    Example:
      >>> Distribution("mirrored").num_replicas
      1
    """

    def __init__(self, name: str = "none") -> None:
        if name not in STRATEGIES:
            raise ValueError(
                f"`strategy` must be one of {', '.join(map(repr, STRATEGIES))}. "
                f"Received: strategy={name!r}"
            )
        try:
            self.strategy = _build(name)
        except (ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
            raise ValueError(
                f"`strategy` must fit this machine and its TF_CONFIG: {str(error).splitlines()[0]} "
                f"Received: strategy={name!r}"
            ) from error
        self.name = name
        self.num_replicas = self.strategy.num_replicas_in_sync
        resolver = self.strategy.cluster_resolver if name == "multi_worker_mirrored" else None
        cluster = resolver.cluster_spec().as_dict() if resolver else {}
        self.num_workers = sum(len(cluster.get(job, ())) for job in ("chief", "worker")) or 1
        self.is_chief = resolver is None or _is_chief(resolver, cluster)
        self._sum = tf.function(self._sum_over_workers)

    def scope(self) -> contextlib.AbstractContextManager:
        """Returns the scope in which variables must be created."""
        return self.strategy.scope()

    def check_xla(self, jit_compile: bool) -> None:
        """Raises a ValueError for XLA with several replicas, which is not supported."""
        if jit_compile and self.num_replicas > 1:
            raise ValueError(
                f"`jit_compile` must be False where replicas share a step, {self.num_replicas} "
                f"here. Received: jit_compile=True, strategy={self.name!r}"
            )

    def check_batch(self, batch_size: int) -> None:
        """Raises a ValueError for a global batch that the replicas cannot share evenly."""
        if batch_size % self.num_replicas:
            raise ValueError(
                f"`batch_size` is the global batch and must be a multiple of the "
                f"{self.num_replicas} replicas, as must a smaller split's number of examples. "
                f"Received: batch_size={batch_size}"
            )

    def batches(
        self, dataset_of: Callable[[int, int], tf.data.Dataset]
    ) -> Iterator[dict[str, tf.Tensor]]:
        """Yields each step's batch; with several replicas, it has one value per local replica.

        Args:
          dataset_of: (number of replicas, replica's index) -> dataset of its shares of batches.
        """
        if self.num_replicas == 1:
            yield from dataset_of(1, 0)
            return
        iterators: dict[int, Iterator] = {}

        def share(context: tf.distribute.experimental.ValueContext) -> dict[str, tf.Tensor]:
            index = context.replica_id_in_sync_group
            if index not in iterators:
                iterators[index] = iter(dataset_of(self.num_replicas, index))
            return next(iterators[index])

        while True:
            yield self.strategy.experimental_distribute_values_from_function(share)

    def run(self, step: Callable, *arguments: Any) -> dict[str, tf.Tensor]:
        """Runs `step`, whose results are equal on all replicas, inside a `tf.function`."""
        if self.num_replicas == 1:
            return step(*arguments)
        results = self.strategy.run(step, args=arguments)
        return {k: self.strategy.experimental_local_results(v)[0] for k, v in results.items()}

    def local(self, value: Any) -> tf.Tensor:
        """Returns the values of this process's replicas as one tensor."""
        return tf.concat(self.strategy.experimental_local_results(value), 0)

    def from_chief(self, value: float) -> float:
        """Returns the chief's value on every worker; a barrier for all of them."""
        if self.num_workers == 1:
            return value
        return self._total(value if self.is_chief else 0.0)

    def any_worker(self, value: bool) -> bool:
        """Returns whether `value` is true on any worker; a barrier for all of them."""
        return value if self.num_workers == 1 else self._total(float(value)) > 0

    @contextlib.contextmanager
    def chief_first(self) -> Iterator[None]:
        """Runs the block on the chief first, so that other workers can read what it writes."""
        if not self.is_chief:
            self.from_chief(0.0)
        yield
        if self.is_chief:
            self.from_chief(0.0)

    @contextlib.contextmanager
    def one_line_errors(self) -> Iterator[None]:
        """Turns the loss of another worker into `LostWorkerError`."""
        try:
            yield
        except (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.InternalError,
            tf.errors.DeadlineExceededError,
        ) as error:
            if self.num_workers == 1:
                raise
            raise LostWorkerError(
                "Another worker has ended. Run the same command on every worker again to continue "
                f"from the last checkpoint. ({type(error).__name__})"
            ) from error

    def _total(self, value: float) -> float:
        replicas_per_worker = self.num_replicas // self.num_workers
        return float(self._sum(tf.constant(value / replicas_per_worker, tf.float64)))

    def _sum_over_workers(self, value: tf.Tensor) -> tf.Tensor:
        results = self.strategy.run(lambda x: sum_over_replicas([x])[0], args=(value,))
        return self.strategy.experimental_local_results(results)[0]


def sum_over_replicas(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the sums over all replicas; called inside `Distribution.run`."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1 or not tensors:
        return tensors
    # `identity` gives inputs of the graph a device, which the reduction needs.
    placed = [tf.identity(x) for x in tensors]
    return context.all_reduce(tf.distribute.ReduceOp.SUM, placed)


def replica_index() -> tf.Tensor | int:
    """Returns this replica's index among all; called inside `Distribution.run`."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def _build(name: str) -> tf.distribute.Strategy:
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        # Without a GPU, as in the tests, logical CPU devices are used.
        gpus = tf.config.list_logical_devices("GPU")
        devices = gpus or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([d.name for d in devices])
    if name == "multi_worker_mirrored":
        return tf.distribute.MultiWorkerMirroredStrategy()
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local")
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


def _is_chief(resolver: tf.distribute.cluster_resolver.ClusterResolver, cluster: dict) -> bool:
    if not cluster:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker" and resolver.task_id == 0 and "chief" not in cluster
    )
