"""A job's body in every Python application here: says that it runs, then holds its worker up until it is killed."""

import os
import time
import uuid
from pathlib import Path


def block():
    Path(os.environ["MARKERS"], str(uuid.uuid4())).touch()
    time.sleep(600)
