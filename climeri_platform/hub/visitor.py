"""A browser without a screen: cookies, redirects, forms, and the pages of the hub."""

from __future__ import annotations

import html
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any

from climeri_platform.core.errors import HubFailed

__all__ = ["Answer", "Visitor"]

PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back at the end of the redirects."""

    status: int
    url: str
    text: str

    @property
    def json(self) -> Any:
        """The text as JSON."""
        return json.loads(self.text)


class Visitor:
    """Somebody who opens the hub's address.

    Parameters
    ----------
    address
        The hub's address, as it was printed.
    timeout
        Seconds that one answer may take.
    """

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        self.address = address.rstrip("/") + "/"
        self.timeout = timeout
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # the hub is on this machine
            urllib.request.HTTPCookieProcessor(self.cookies),
        )

    def cookie(self, name: str, path: str) -> str:
        """Return the value of a cookie, empty if there is none."""
        found = [each.value for each in self.cookies if (each.name, each.path) == (name, path)]
        return found[0] or "" if found else ""

    def _open(
        self, path: str, *, method: str, data: bytes | None = None, headers: dict[str, str]
    ) -> Answer:
        url = urllib.parse.urljoin(self.address, path.lstrip("/"))
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - the hub's own address
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                text = answer.read().decode("utf-8", "replace")
                return Answer(answer.status, answer.url, text)
        except urllib.error.HTTPError as refusal:
            with refusal:
                text = refusal.read().decode("utf-8", "replace")
                return Answer(refusal.code, refusal.url or url, text)
        except OSError as problem:
            raise HubFailed(f"no answer from {url}: {problem}") from problem

    def page(self, path: str) -> Answer:
        """Open a page, as typing its address does."""
        headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
        return self._open(path, method="GET", headers=headers)

    def log_in(self, user: str, password: str) -> Answer:
        """Fill in the form of the login page; the answer is the hub's page behind it."""
        self.page("hub/login")
        xsrf = self.cookie("_xsrf", "/hub/")
        form = {"username": user, "password": password, "_xsrf": xsrf}
        return self._open(
            f"hub/login?_xsrf={urllib.parse.quote(xsrf)}&next=%2Fhub%2Fhome",
            method="POST",
            data=urllib.parse.urlencode(form).encode(),
            headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"},
        )

    def rest(self, method: str, path: str, *, base: str, body: object = None) -> Answer:
        """Call the REST interface as a page of the hub does.

        Parameters
        ----------
        method
            ``GET``, ``POST``, ...
        path
            Behind ``base``, such as ``api/sessions``.
        base
            ``/hub/`` or ``/user/NAME/``: whose page calls.
        body
            Sent as JSON.
        """
        return self._open(
            f"{base}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Sec-Fetch-Mode": "cors",
                "Sec-Fetch-Site": "same-origin",
                "Referer": urllib.parse.urljoin(self.address, base),
                "X-XSRFToken": self.cookie("_xsrf", base),
            },
        )

    def spawn(self, user: str, *, seconds: float = 120.0) -> Answer:
        """Ask for the own server and wait, as the page with the progress bar does.

        Raises
        ------
        HubFailed
            If the server does not start; with the reason that the page shows.
        """
        answer = self.page("hub/spawn")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if answer.status >= 400:
                raise HubFailed(f"the server of {user} does not start: {_reason(answer.text)}")
            if f"/user/{user}/" in answer.url and "spawn-pending" not in answer.url:
                return answer
            time.sleep(PAUSE)
            state = self.rest("GET", f"api/users/{user}", base="/hub/")
            server = state.json.get("servers", {}).get("") if state.status == 200 else None
            if not (server and server.get("pending")):
                answer = self.page(f"hub/spawn-pending/{user}")
        raise HubFailed(f"the server of {user} did not start within {seconds:.0f} s")


def _reason(page: str) -> str:
    """Return the sentences of an error page of the hub."""
    texts = re.findall(r"<p[^>]*>(.*?)</p>", page, re.DOTALL) or [page]
    plain = " ".join(re.sub(r"<[^>]+>", " ", text) for text in texts)
    return html.unescape(re.sub(r"\s+", " ", plain)).strip()[:1000]
