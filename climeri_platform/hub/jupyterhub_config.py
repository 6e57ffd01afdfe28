"""Configuration of JupyterHub: it reads the settings of one run, and only sets values.

JupyterHub loads this file; nothing is decided here, everything comes from ``run.json`` in the
hub's folder, named by the environment variable ``CLIMERI_HUB_STATE``.
"""

from __future__ import annotations

import os
from pathlib import Path

from traitlets.config import get_config

from climeri_platform.hub.processes import MARK
from climeri_platform.hub.settings import LOOPBACK, USER_PATTERN, HubRun
from climeri_platform.hub.state import StateFolder

state = StateFolder(Path(os.environ["CLIMERI_HUB_STATE"]))
run = HubRun.model_validate_json(state.run_file.read_text(encoding="utf-8"))
c = get_config()

# -- the hub ---------------------------------------------------------------------------------
c.JupyterHub.bind_url = run.address
c.JupyterHub.hub_bind_url = f"http://{LOOPBACK}:{run.hub_port}/"
c.JupyterHub.db_url = f"sqlite:///{state.database}"
c.JupyterHub.upgrade_db = True  # a folder of an older JupyterHub is taken over, after a backup
c.JupyterHub.cookie_secret_file = str(state.cookie_file)
c.JupyterHub.cleanup_servers = True
c.JupyterHub.cleanup_proxy = True
c.JupyterHub.shutdown_on_logout = False
c.JupyterHub.allow_named_servers = False
c.JupyterHub.template_vars = {
    "announcement_login": "CLIMERI: your name and password were printed where this hub was "
    "started / vos identifiants sont affichés là où ce hub a été lancé."
}

# -- the proxy -------------------------------------------------------------------------------
c.ConfigurableHTTPProxy.command = list(run.proxy_command)
c.ConfigurableHTTPProxy.api_url = f"http://{LOOPBACK}:{run.api_port}"
c.ConfigurableHTTPProxy.auth_token = state.read_secret(state.token_file)
c.ConfigurableHTTPProxy.pid_file = str(state.proxy_pid_file)
c.ConfigurableHTTPProxy.log_level = "warn"

# -- who may log in --------------------------------------------------------------------------
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = state.read_secret(state.password_file)
c.Authenticator.allowed_users = set(run.users)
c.Authenticator.allow_existing_users = False  # who left the list cannot come back
c.Authenticator.username_pattern = rf"^{USER_PATTERN}\Z"

# -- a user's server -------------------------------------------------------------------------
c.JupyterHub.spawner_class = "climeri_platform.hub.spawner.LocalServer"
c.LocalServer.users_folder = str(state.users)
c.LocalServer.curated_folder = str(state.curated)
c.LocalServer.logs_folder = str(state.logs)
c.LocalServer.runtime_folder = str(run.runtime)
c.Spawner.cmd = list(run.server_command)
c.Spawner.args = ["--allow-root"] if run.root else []
c.Spawner.ip = LOOPBACK
c.Spawner.default_url = "/lab"
c.Spawner.disable_user_config = True
c.Spawner.start_timeout = run.server_timeout
c.Spawner.http_timeout = run.server_timeout
c.Spawner.consecutive_failure_limit = 0  # one user's broken folder does not end the hub
c.LocalProcessSpawner.interrupt_timeout = 10
c.LocalProcessSpawner.term_timeout = 5
c.Spawner.env_keep = [
    "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX",
]  # fmt: skip
c.Spawner.environment = {
    **run.environment,
    MARK: run.mark,
    "JUPYTER_CONFIG_PATH": str(state.jupyter / "etc"),
    "JUPYTER_PATH": str(state.jupyter / "share"),
    "JUPYTER_PREFER_ENV_PATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PATH": os.environ["PATH"],
}
