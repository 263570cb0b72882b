"""Does what a test wants of a Python application here: usage: run.py MODULE enqueue|enqueue_later|work|report

The application is imported, never run itself, so that its tasks have the names by which workers know them.
"""

import importlib
import json
import os
import sys


def main():
    application, action = sys.argv[1:]
    outcome = getattr(importlib.import_module(application), action)()
    if action == "work":
        program, *arguments = outcome  # Installed beside this interpreter.
        program = os.path.join(os.path.dirname(sys.executable), program)
        os.execv(program, [program, *arguments])
    if action == "report":
        print(json.dumps(outcome))


if __name__ == "__main__":
    main()
