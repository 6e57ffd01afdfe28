"""The files of a user as JupyterLab sees them: the curated notebooks cannot be changed.

Mode bits alone do not do it: they do not hold root, and their refusal reads "Permission denied",
which tells nobody what to do.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError
from traitlets import Unicode

from climeri_platform.hub.curated import set_modes

__all__ = ["CuratedContents"]


class CuratedContents(AsyncLargeFileManager):  # type: ignore[misc] # jupyter_server has no types
    """jupyter_server's own files, with one folder that is only read."""

    curated = Unicode("curated", config=True, help="Its name in the user's folder.")
    curated_source = Unicode("", config=True, help="Where the folder really is.")

    def _is_curated(self, path: str) -> bool:
        """Say whether a path leads into the folder, whatever links and dots it goes through."""
        wanted = Path(os.path.abspath(self._get_os_path(path.strip("/"))))  # noqa: PTH100 - the link itself counts, so no resolve()
        link = Path(self.root_dir) / self.curated
        if wanted == link or link in wanted.parents:
            return True
        real = wanted.resolve()
        source = Path(self.curated_source).resolve() if self.curated_source else link.resolve()
        return real == source or source in real.parents

    def _refuse(self, path: str, act: str) -> NoReturn:
        raise HTTPError(
            403,
            f"{path.strip('/')} is one of the curated files, which cannot be {act}. Make it yours "
            "first: File > Save Notebook As... with a name that does not begin with "
            f"{self.curated}/, or copy it and paste it into your own folder.",
        )

    def is_writable(self, path: str) -> bool:
        """Say whether JupyterLab may offer to save."""
        return not self._is_curated(path) and bool(super().is_writable(path))

    async def get_kernel_path(self, path: str, model: dict[str, Any] | None = None) -> str:
        """Start the kernel of a curated notebook in the user's own folder: what it saves stays."""
        if self._is_curated(path):
            return ""
        return str(await super().get_kernel_path(path, model=model))

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Save, outside the curated folder."""
        if self._is_curated(path):
            self._refuse(path, "changed")
        saved: dict[str, Any] = await super().save(model, path)
        return saved

    async def delete_file(self, path: str) -> None:
        """Delete, outside the curated folder."""
        if self._is_curated(path):
            self._refuse(path, "deleted")
        await super().delete_file(path)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename or move, neither out of the curated folder nor into it."""
        for path in (old_path, new_path):
            if self._is_curated(path):
                self._refuse(path, "moved")
        await super().rename_file(old_path, new_path)

    async def create_checkpoint(self, path: str) -> dict[str, Any]:
        """Keep a checkpoint, of one's own files."""
        if self._is_curated(path):
            self._refuse(path, "changed")
        made: dict[str, Any] = await super().create_checkpoint(path)
        return made

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Go back to a checkpoint, of one's own files."""
        if self._is_curated(path):
            self._refuse(path, "changed")
        await super().restore_checkpoint(checkpoint_id, path)

    async def _copy_dir(
        self, from_path: str, to_path_original: str, to_name: str, to_path: str
    ) -> dict[str, Any]:
        """Copy a folder; what comes out of the curated folder becomes writable."""
        if self._is_curated(to_path):
            self._refuse(to_path, "changed")
        copied: dict[str, Any] = await super()._copy_dir(
            from_path, to_path_original, to_name, to_path
        )
        if self._is_curated(from_path):
            set_modes(Path(self._get_os_path(to_path.strip("/"))), folders=0o700, files=0o600)
        return copied
