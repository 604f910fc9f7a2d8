"""Puts pip into the environment that runs this file, from the package index of this machine, where Python came without ensurepip."""

from __future__ import annotations

import configparser
import hashlib
import html.parser
import netrc
import os
import re
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import NamedTuple

DEFAULT_INDEX = "https://pypi.org/simple"
LIMIT_S = 60
WHEEL = re.compile(r"^pip-(\d+(?:\.\d+)*)-py3-none-any\.whl$")


class Wheel(NamedTuple):
    version: tuple[int, ...]
    url: str
    hash_name: str
    digest: str


class Links(html.parser.HTMLParser):
    """Collects the links of a page in the "simple" format (PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str]] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "base" and self.base is None:
            self.base = attributes.get("href")
        if tag == "a" and "href" in attributes:
            self.links.append(attributes)


def read_settings() -> dict[str, str]:
    """The settings of pip that matter here: files in pip's order of precedence, then the environment."""
    home = Path.home()
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    site = [Path("/etc/pip.conf"), Path("/etc/xdg/pip/pip.conf"), Path("/Library/Application Support/pip/pip.conf")]
    user = [home / ".pip/pip.conf", home / "Library/Application Support/pip/pip.conf", config_home / "pip/pip.conf"]
    named = os.environ.get("PIP_CONFIG_FILE")
    files = [] if named == os.devnull else [*site, *user, *([Path(named)] if named else [])]
    settings: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeError) as error:
            print(f"{file} was not read: {error}", file=sys.stderr)
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    for name, value in os.environ.items():
        if name.startswith("PIP_") and value:
            settings[name[4:].lower().replace("_", "-")] = value
    return settings


def is_on(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on", "y", "t")


def tls_context(settings: dict[str, str]) -> ssl.SSLContext:
    bundle = settings.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle is None:
        return ssl.create_default_context()  # honours SSL_CERT_FILE and SSL_CERT_DIR
    return ssl.create_default_context(**{"capath" if os.path.isdir(bundle) else "cafile": bundle})


class Fetcher:
    """Reads from the index: proxies of the environment or of pip, certificates, credentials in the address or in netrc."""

    def __init__(self, settings: dict[str, str]) -> None:
        proxy = settings.get("proxy")
        proxies = urllib.request.ProxyHandler({"http": proxy, "https": proxy} if proxy else None)
        https = urllib.request.HTTPSHandler(context=tls_context(settings))
        self.opener = urllib.request.build_opener(proxies, https)

    def read(self, url: str) -> bytes:
        address, headers = split_credentials(url)
        request = urllib.request.Request(address, headers={"User-Agent": "glovebox", "Accept": "text/html,*/*", **headers})
        with self.opener.open(request, timeout=LIMIT_S) as answer:
            return bytes(answer.read())


def split_credentials(url: str) -> tuple[str, dict[str, str]]:
    parts = urllib.parse.urlsplit(url)
    if parts.hostname is None:
        return url, {}
    user, password = parts.username, parts.password
    if user is None:
        try:
            login = netrc.netrc().authenticators(parts.hostname)
        except (OSError, netrc.NetrcParseError):
            login = None
        if login is None:
            return url, {}
        user, password = login[0], login[2]
    word = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password or '')}"
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc).geturl(), {"Authorization": f"Basic {b64encode(word.encode()).decode()}"}


def without_credentials(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def fits_this_python(rule: str) -> bool:
    """Whether `Requires-Python` allows this interpreter; only the comparisons that pip's own releases use."""
    here = sys.version_info[:3]
    for part in filter(None, (piece.strip() for piece in rule.split(","))):
        match = re.match(r"^(>=|<=|>|<|!=|==)\s*([\d.]+)(\.\*)?$", part)
        if match is None:
            continue
        operator, text, _ = match.groups()
        bound = tuple(int(number) for number in text.split(".") if number)
        mine = here[: len(bound)]
        allowed = {
            ">=": here >= bound,
            "<=": mine <= bound,
            ">": mine > bound,
            "<": here < bound,
            "!=": mine != bound,
            "==": mine == bound,
        }[operator]
        if not allowed:
            return False
    return True


def wheels_on_page(page: str, page_url: str) -> list[Wheel]:
    parser = Links()
    parser.feed(page)
    found = []
    for link in parser.links:
        if "data-yanked" in link or not fits_this_python(link.get("data-requires-python", "")):
            continue
        url = urllib.parse.urljoin(urllib.parse.urljoin(page_url, parser.base or ""), link["href"])
        parts = urllib.parse.urlsplit(url)
        match = WHEEL.match(urllib.parse.unquote(parts.path).rpartition("/")[2])
        if match is None:
            continue
        hash_name, _, digest = parts.fragment.partition("=")
        version = tuple(int(number) for number in match.group(1).split("."))
        # The page's own credentials go with files of the same host.
        source = urllib.parse.urlsplit(page_url)
        netloc = source.netloc if parts.hostname == source.hostname and parts.port == source.port else parts.netloc
        found.append(Wheel(version, parts._replace(netloc=netloc, fragment="").geturl(), hash_name, digest))
    return found


def wheels_in_folder(folder: str) -> list[Wheel]:
    found = []
    for file in Path(folder).glob("pip-*.whl"):
        match = WHEEL.match(file.name)
        if match is not None:
            version = tuple(int(number) for number in match.group(1).split("."))
            found.append(Wheel(version, file.resolve().as_uri(), "", ""))
    return found


def find_wheel(settings: dict[str, str], fetcher: Fetcher) -> Wheel:
    wheels: list[Wheel] = []
    problems: list[str] = []
    for place in settings.get("find-links", "").split():
        if "://" not in place:
            wheels += wheels_in_folder(place)
    indexes = [] if is_on(settings.get("no-index")) else [settings.get("index-url") or DEFAULT_INDEX]
    indexes += [] if not indexes else settings.get("extra-index-url", "").split()
    for index in indexes:
        url = f"{index.rstrip('/')}/pip/"
        try:
            wheels += wheels_on_page(fetcher.read(url).decode("utf-8", "replace"), url)
        except (OSError, urllib.error.URLError) as error:
            problems.append(f"{without_credentials(url)}: {error}")
    if not wheels:
        reasons = "; ".join(problems) or "no index is allowed, and no folder of find-links has it"
        raise SystemExit(f"pip was not found: {reasons}")
    return max(wheels)


def fetch(wheel: Wheel, fetcher: Fetcher) -> bytes:
    content = fetcher.read(wheel.url)
    if wheel.hash_name in hashlib.algorithms_guaranteed:
        if hashlib.new(wheel.hash_name, content).hexdigest() != wheel.digest:
            raise SystemExit(f"{without_credentials(wheel.url)} does not have the {wheel.hash_name} that its index names.")
    elif urllib.parse.urlsplit(wheel.url).scheme == "http":
        raise SystemExit(f"{without_credentials(wheel.url)} comes without hash over plain HTTP, so it is not trusted.")
    return content


def main() -> None:
    settings = read_settings()
    fetcher = Fetcher(settings)
    wheel = find_wheel(settings, fetcher)
    with tempfile.TemporaryDirectory() as folder:
        name = urllib.parse.unquote(urllib.parse.urlsplit(wheel.url).path).rpartition("/")[2]
        file = Path(folder) / name
        file.write_bytes(fetch(wheel, fetcher))
        # A wheel of pip can be run as it is, to install itself.
        command = [sys.executable, "-I", str(file / "pip"), "install", "--no-index", "--no-deps", str(file)]
        raise SystemExit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
