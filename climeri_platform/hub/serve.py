"""The child of the supervisor: JupyterHub, tied to the life of its parent.

Started as ``python -m climeri_platform.hub.serve PARENT``; not meant to be called by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from climeri_platform.hub.processes import die_with_parent

CONFIGURATION = Path(__file__).with_name("jupyterhub_config.py")


def main() -> None:
    """Run JupyterHub with the configuration of this room."""
    die_with_parent(int(sys.argv[1]))
    from jupyterhub.app import JupyterHub

    JupyterHub.launch_instance(argv=["--config", str(CONFIGURATION)])


if __name__ == "__main__":
    main()
