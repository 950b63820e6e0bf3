"""What libraries read when they start: import this before them."""

import os

# Two CPU devices, so that what belongs on the second one can be told apart.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")

# Workers share the cores out, as BLAS does; and a thread of it that waits gives its core up soon.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "8")
