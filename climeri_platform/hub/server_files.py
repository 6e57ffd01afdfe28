"""What the users' servers read: one kernel, and a JupyterLab without noise and without network."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from climeri_platform.hub.state import StateFolder

__all__ = ["KERNEL", "write_server_files"]

KERNEL = "climeri"
DISPLAY_NAME = "CLIMERI (Python 3)"
CURATED = "curated"  # its name inside a user's folder


def _kernel() -> dict[str, object]:
    """Return the kernel: the Python that runs the hub, which has the platform installed."""
    return {
        "argv": [
            sys.executable,
            "-Xfrozen_modules=off",  # the debugger asks for it
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
        ],
        "display_name": DISPLAY_NAME,
        "language": "python",
        "metadata": {"debugger": True},
    }


def _server(state: StateFolder) -> dict[str, object]:
    """Return the configuration of jupyter_server."""
    return {
        "ServerApp": {
            "contents_manager_class": "climeri_platform.hub.contents.CuratedContents",
            # a language server and the shim of the classic notebook cost start time, unused here
            "jpserver_extensions": {"jupyter_lsp": False, "notebook_shim": False},
        },
        "CuratedContents": {"curated": CURATED, "curated_source": str(state.curated)},
        "KernelSpecManager": {"allowed_kernelspecs": [KERNEL], "ensure_native_kernel": False},
        "MultiKernelManager": {"default_kernel_name": KERNEL},
        # kernels speak through sockets in a private folder: others on the machine cannot connect
        "KernelManager": {"transport": "ipc"},
        "LabApp": {
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
    }


def write_server_files(state: StateFolder) -> None:
    """Write the kernel and the configuration of the users' servers.

    Parameters
    ----------
    state
        The hub's folder; ``jupyter/etc`` and ``jupyter/share`` are written.
    """
    files: dict[str, object] = {
        f"share/kernels/{KERNEL}/kernel.json": _kernel(),
        "etc/jupyter_server_config.json": _server(state),
        "etc/labconfig/page_config.json": {
            "disabledExtensions": {
                "@jupyterlab/apputils-extension:announcements": True,  # asks to fetch news
                "@jupyterlab/extensionmanager-extension": True,  # asks the network
                # language servers, whose side on the server is off
                "@jupyterlab/lsp-extension": True,
                "@jupyterlab/notebook-extension:language-server": True,
                "@jupyterlab/fileeditor-extension:language-server": True,
            }
        },
        "etc/labconfig/default_setting_overrides.json": {
            # a notebook that names another kernel gets ours, and nobody is asked which
            "@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True},
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
        },
    }
    for name, content in files.items():
        file = state.jupyter / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
