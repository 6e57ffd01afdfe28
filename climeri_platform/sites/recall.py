"""How files come back from tape at a centre: a command as data, and shell text that is safe."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from posixpath import dirname
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["AbsolutePath", "OnTapeFile", "Recall", "shell_text"]

_VARIABLE = re.compile(r"(\$\{\w+\})")
_PLACES = ("{path}", "{paths}", "{target}")


def _absolute(path: str) -> str:
    if not path.startswith(("/", "${")):
        raise ValueError(f"{path!r} is not absolute: it begins with / or with ${{VARIABLE}}")
    return path


AbsolutePath = Annotated[str, AfterValidator(_absolute)]


def shell_text(text: str) -> str:
    """Return a word of a profile for a shell: ``${NAME}`` stays a variable, all else is quoted.

    Examples
    --------
    >>> print(shell_text("${STORE}/it's"))
    "${STORE}"'/it'"'"'s'
    """
    parts = [part for part in _VARIABLE.split(text) if part]
    return "".join(
        f'"{part}"' if _VARIABLE.fullmatch(part) else shlex.quote(part) for part in parts
    )


@dataclass(frozen=True, slots=True)
class OnTapeFile:
    """A file that a command recalls.

    Attributes
    ----------
    prefix
        The mount, as shell text.
    relative
        The path below it, as it is.
    size
        Bytes; None where nobody knows.
    """

    prefix: str
    relative: str
    size: int | None = None

    @property
    def path(self) -> str:
        """Its path, as shell text."""
        return self.prefix + shlex.quote(f"/{self.relative}")


class Recall(BaseModel):
    """How files of a mount come back from tape.

    Attributes
    ----------
    command
        The words of the command. One of them is ``{paths}``, in the place of which many paths
        stand, or ``{path}`` for one; beside that, ``{target}`` is where a copy goes.
        ``${NAME}`` stands for a variable of the environment that it runs in.
    into
        The folder of the copies, where the command makes copies.
    files
        How many files a batch has at the most.
    length
        How many bytes of paths one command has at the most; a single path may be longer.
    note
        What people should know.

    Examples
    --------
    >>> recall = Recall(command=["lfs", "hsm_restore", "{paths}"], files=2)
    >>> files = [OnTapeFile("/store", name) for name in ("a.nc", "b c.nc", "d.nc")]
    >>> for batch in recall.batches(files):
    ...     print(recall.lines(batch))
    ["lfs hsm_restore /store/a.nc /store'/b c.nc'"]
    ['lfs hsm_restore /store/d.nc']
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: tuple[str, ...]
    into: AbsolutePath | None = None
    files: int = Field(default=100, ge=1)
    length: int = Field(default=100_000, ge=1)
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"command": given} if isinstance(given, list | tuple) else given

    @model_validator(mode="after")
    def _places(self) -> Recall:
        there = [word for word in self.command if word in _PLACES]
        if sum(there.count(each) for each in ("{path}", "{paths}")) != 1:
            raise ValueError(f"the command {self.command} has one word {{path}} or {{paths}}")
        if not self.command or self.command[0] in _PLACES:
            raise ValueError("a command begins with the name of a program")
        for word in self.command:
            if re.search(r"(?<!\$)\{", word) and word not in _PLACES:
                raise ValueError(f"{word!r}: {', '.join(_PLACES)} are words of their own")
        if ("{target}" in there) != (self.into is not None) or there.count("{target}") > 1:
            raise ValueError("{target} and `into` go together")
        if "{target}" in there and "{paths}" in there:
            raise ValueError("{target} is that of one {path}")
        return self

    def batches(self, files: Sequence[OnTapeFile]) -> Iterator[list[OnTapeFile]]:
        """Yield the files in batches that are neither too many nor too long.

        Parameters
        ----------
        files
            All of them.
        """
        batch: list[OnTapeFile] = []
        length = 0
        for each in files:
            size = len(each.path.encode()) + 1
            if batch and (len(batch) == self.files or length + size > self.length):
                yield batch
                batch, length = [], 0
            batch.append(each)
            length += size
        if batch:
            yield batch

    def lines(self, batch: Sequence[OnTapeFile]) -> list[str]:
        """Return the commands for a batch, as shell text.

        Parameters
        ----------
        batch
            As `batches` gives it.
        """
        if "{paths}" in self.command:
            return [self._line({"{paths}": " ".join(each.path for each in batch)})]
        return [self._one(each) for each in batch]

    def _line(self, words: dict[str, str]) -> str:
        return " ".join(words.get(word) or shell_text(word) for word in self.command)

    def _one(self, file: OnTapeFile) -> str:
        if self.into is None:
            return self._line({"{path}": file.path})
        copy = OnTapeFile(shell_text(self.into.rstrip("/")), file.relative)
        folder = OnTapeFile(copy.prefix, dirname(file.relative)).path
        part = OnTapeFile(copy.prefix, f"{file.relative}.part").path
        command = self._line({"{path}": file.path, "{target}": part})
        # a copy that was broken off is never taken for the file
        return (
            f"test -e {copy.path} || {{ mkdir -p {folder} && {command} && mv {part} {copy.path}; }}"
        )
