"""What each worker does before its pool's processes begin."""

import os
import subprocess
import sys

from config.env import ROOT

WORKER = """
import gc
from celery.signals import worker_init
from config.celery import app
app.loader.init_worker()
worker_init.send(None)
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


def test_a_pools_processes_share_what_was_loaded_before_they_began() -> None:
    """Nothing of it is looked at for garbage in them, which would copy it."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    run = subprocess.run([sys.executable, "-c", WORKER], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    frozen, looked_at = map(int, run.stdout.split()[-2:])
    assert frozen > 20 * looked_at
