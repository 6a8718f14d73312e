"""What a web process has when its application is loaded."""

import os
import subprocess
import sys

from config.env import ROOT

SENDS_TO = "import config.asgi; from celery import current_app; print(current_app.conf.broker_url)"


def test_a_task_that_a_request_sends_goes_to_the_broker_of_the_workers():
    done = subprocess.run([sys.executable, "-c", SENDS_TO], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == os.environ["REDIS_URL"]
