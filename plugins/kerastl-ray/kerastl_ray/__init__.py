"""kerastl on Ray: `--on ray` and `--on ray://head:10001`."""

from kerastl_ray.executor import RayExecutor

__all__ = ["RayExecutor"]
