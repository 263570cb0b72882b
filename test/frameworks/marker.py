"""What a job does in every Python application here: says that it runs, holds its worker up, says that it has finished.

Unless it is told how long, it holds its worker up until that is killed.
"""

import os
import time
import uuid
from pathlib import Path

BRIEF = 0.05  # Seconds.
BRIEF_JOBS = 60


def block(seconds=600.0):
    name = str(uuid.uuid4())
    Path(os.environ["RUNNING"], name).touch()
    time.sleep(seconds)
    Path(os.environ["FINISHED"], name).touch()
