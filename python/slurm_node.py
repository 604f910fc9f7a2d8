"""Prepares the Jupyter server of a SLURM job on its node: checks this Python, makes the token and every private file the server reads."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import secrets
import socket
import ssl
import sys
import zlib
from pathlib import Path
from typing import Any

CONFIGURATION_FAILED = 78
# `sun_path`, with room for what Jupyter appends.
MAX_SOCKET_PATH = 100
# In a folder whose weights are whole.
MARKER = ".glovebox-complete.json"


def fail(reason: str) -> None:
    """Ends the job with one line that the waiting side shows."""
    print(f"GLOVEBOX-FAIL {reason}", flush=True)
    sys.exit(CONFIGURATION_FAILED)


def check_modules() -> dict[str, str]:
    """The versions of what a server needs, or one line about what is missing."""
    versions: dict[str, str] = {}
    missing: list[str] = []
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:
        fail(f"Python {sys.version.split()[0]} at {sys.executable} is too old; 3.8 is the least that works.")
    for name in ("jupyter_server", "ipykernel"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        words = " ".join(missing)
        fail(f"{sys.executable} lacks {words}. Install it with: {sys.executable} -m pip install {words}")
    return versions


def write_private(file: Path, text: str) -> None:
    """Makes a file that must not exist yet and that only its owner reads."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)


def address_towards(host: str) -> str:
    """The address of the interface through which this node reaches a host. Nothing is sent."""
    try:
        family, kind, _, _, target = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError as error:
        fail(f"{socket.gethostname()} does not know how it reaches {host} ({error}). Name its address with GLOVEBOX_SLURM_BIND_IP.")
        raise


def choose_address(folder: Path, bind: str) -> dict[str, Any]:
    """A Unix socket in the private folder where its path is short enough, else loopback.

    `bind` is an address of this node, or `route:HOST` for the one towards that host. The server itself finds the port.
    """
    path = folder / "s"
    if bind == "" and len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return {"socket": str(path)}
    if bind.startswith("route:"):
        return {"ip": address_towards(bind[len("route:") :]), "port": 0}
    return {"ip": bind or "127.0.0.1", "port": 0}


def fingerprint_of(certificate: Path) -> str:
    """As the other side computes it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def load_template(file: Path, limits: str) -> dict[str, Any]:
    """What every job has, with what this one was asked for."""
    template: dict[str, Any] = json.loads(file.read_text())
    for section, values in json.loads(limits).items():
        template[section].update(values)
    return template


def write_config(
    folder: Path, template: dict[str, Any], address: dict[str, Any], ports: str, root: Path, version: str, kernel_secrets: dict[str, str]
) -> None:
    """Fills in what only the node knows."""
    token = secrets.token_hex(24)
    app = template["ServerApp"]
    if "socket" in address:
        app.update(sock=address["socket"], sock_mode="0600")
    else:
        app.update(ip=address["ip"], port=0)
    if (folder / "cert.pem").exists():
        app.update(certfile=str(folder / "cert.pem"), keyfile=str(folder / "key.pem"))
        # The person's browser speaks plainly to a port of the person's own machine.
        template["IdentityProvider"]["secure_cookie"] = False
    template["SandboxServerApp"] = {
        "ports": [int(port) for port in ports.split("-")],
        "announce_file": str(folder / "listening"),
        "token_file": str(folder / "token"),
        "kernel_secrets": kernel_secrets,
    }
    app.update(root_dir=str(root), allow_root=os.geteuid() == 0)
    template["IdentityProvider"]["token"] = token
    if version.startswith("1."):
        app["token"] = token
    lab = template["LabApp"]
    lab.update(
        user_settings_dir=os.path.expanduser(lab["user_settings_dir"]),
        workspaces_dir=str(folder / "config" / "workspaces"),
    )
    write_private(folder / "token", token)
    write_private(folder / "config.json", json.dumps(template))


def write_library(folder: Path) -> str:
    """What kernels can import beside their own packages. Returns their search path: it comes last there."""
    library = folder / "lib"
    packed = base64.b64decode((folder / "kernel_files").read_text())
    for name, text in json.loads(zlib.decompress(packed)).items():
        place = library / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(library)]))


def read_models(folder: Path, job_folder: Path) -> dict[str, str]:
    """Variables of kernels for the models of the job; weights that are not whole end the job here, and not in the middle of an experiment."""
    file = job_folder / "models.json"
    if not file.exists():
        return {}
    told = json.loads(file.read_text())
    wanted = told.get("python_version")
    if wanted is not None and wanted != "%d.%d" % sys.version_info[:2]:
        fail(f"python_version is {wanted}, and {sys.executable} is Python {sys.version.split()[0]}. Name another one with the option python, or leave python_version out.")
    for place in told["weights"]:
        if not os.path.exists(os.path.join(place, MARKER)):
            fail(f"The weights in {place} are not complete, or {socket.gethostname()} does not see them. GLOVEBOX_SLURM_MODELS_DIR must be on a shared disk.")
    if not told["models"]:
        return dict(told["paths"])
    own = folder / "models.json"
    write_private(own, json.dumps(told["models"]))
    return {**told["paths"], "GLOVEBOX_MODELS": str(own)}


def take_variables(job_folder: Path) -> dict[str, dict[str, str]]:
    """Variables of kernels, secrets of kernels, and secrets of what installs. They are taken out of the folder, unless another start of the job may need them."""
    file = job_folder / "variables.json"
    if not file.exists():
        return {"env": {}, "kernel": {}, "installing": {}}
    told = json.loads(file.read_text())
    if told.get("taken"):
        fail("An earlier start of this job has taken its variables and secrets. Start the sandbox anew; with requeue=true they are kept for later starts.")
    if not told["keep"]:
        part = job_folder / ".variables.json.tmp"
        part.write_text(json.dumps({"taken": True}))
        os.replace(part, file)
    return {name: told[name] for name in ("env", "kernel", "installing")}


def read_equipment(job_folder: Path, installing: dict[str, str]) -> dict[str, Any]:
    """The interpreter of kernels and variables for repositories. What the login node has done costs nothing here."""
    nothing = {"python": sys.executable, "environment": None, "variables": {}}
    file = job_folder / "equipment.json"
    if not file.exists():
        return nothing
    told = json.loads(file.read_text())
    spec = importlib.util.spec_from_file_location("equip", told["program"])
    equip = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(equip)
    try:
        found: dict[str, Any] = equip.equip({**told["spec"], "variables": installing})
    except (equip.Failure, OSError) as failure:
        fail(str(failure))
        raise
    return found


def write_kernels(folder: Path, models: dict[str, str], equipment: dict[str, Any], variables: dict[str, str]) -> None:
    """Offers this Python as the default kernel, and the kernels that the user installed for other languages."""
    kernels = folder / "data" / "kernels"
    own = kernels / "python3"
    own.mkdir(parents=True)
    prefix = Path(equipment["environment"] or sys.prefix)
    programs = list(dict.fromkeys([str(prefix / "bin"), str(Path(sys.prefix) / "bin")]))
    # A folder that comes later is not seen by a Python that has looked for it.
    libraries = folder / "libraries"
    libraries.mkdir(mode=0o700)
    search = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry not in programs]
    env = {
        "PATH": os.pathsep.join([*programs, *search]),
        # The server's private folders are no business of commands that run in a cell.
        "JUPYTER_CONFIG_DIR": "",
        "JUPYTER_DATA_DIR": "",
        "JUPYTER_PATH": "",
        "JUPYTER_RUNTIME_DIR": "",
        "GLOVEBOX_LIB": str(libraries),
        "PYTHONPATH": os.pathsep.join([str(libraries), write_library(folder)]),
        **variables,
        **equipment["variables"],
        **models,
    }
    if equipment["environment"] or sys.prefix != sys.base_prefix:
        env["VIRTUAL_ENV"] = str(prefix)
    spec = {
        # IPython's history is a database in the home folder, which hangs or breaks on a network disk without working locks.
        "argv": [equipment["python"], str(folder / "launch_kernel.py"), "-f", "{connection_file}", "--HistoryManager.hist_file=:memory:"],
        "display_name": f"Python {'.'.join(map(str, sys.version_info[:3]))} ({prefix.name})",
        "language": "python",
        "metadata": {"debugger": True},
        "env": env,
    }
    (own / "kernel.json").write_text(json.dumps(spec))
    users = Path.home() / ".local" / "share" / "jupyter" / "kernels"
    for found in users.iterdir() if users.is_dir() else []:
        target = kernels / found.name
        if not target.exists():
            target.symlink_to(found)


def sees_job_folder(job_folder: Path, nonce: str) -> bool:
    """Whether this node sees the files of the submitting side: the word that was left there is read here."""
    try:
        return (job_folder / "nonce").read_text().strip() == nonce
    except OSError:
        return False


def main(
    folder_name: str, template: str, nonce: str, job_folder: str, root_name: str, bind: str, ports: str, needs_job: str, limits: str
) -> None:
    versions = check_modules()
    folder = Path(folder_name)
    # A project that this node does not see is no failure: notebooks are kept where they were made.
    sees_root = root_name != "" and Path(root_name).is_dir()
    root = Path(root_name) if sees_root else Path.home()
    address = choose_address(folder, bind)
    certificate = folder / "cert.pem"
    sees_job = sees_job_folder(Path(job_folder), nonce)
    if needs_job == "1" and not sees_job:
        fail(
            f"{socket.gethostname()} does not see {job_folder}, which models, repos, files, python_packages, env and secrets need. GLOVEBOX_SLURM_DIR must be on a shared disk."
        )
    told = Path(job_folder) if sees_job else folder / "nothing"
    variables = take_variables(told)
    write_config(folder, load_template(folder / template, limits), address, ports, root, versions["jupyter_server"], variables["kernel"])
    write_kernels(folder, read_models(folder, told), read_equipment(told, variables["installing"]), variables["env"])
    endpoint = {
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "restarts": int(os.environ.get("SLURM_RESTART_COUNT", "0")),
        "nonce": nonce,
        "node": os.environ.get("SLURMD_NODENAME") or socket.gethostname(),
        "root": str(root),
        "seesRoot": sees_root,
        "seesJobFolder": sees_job,
        "python": sys.executable,
        "versions": versions,
        # Filled in, as the port is, when the server says them.
        "pid": 0,
        **({"fingerprint": fingerprint_of(certificate)} if certificate.exists() else {}),
        **address,
    }
    write_private(folder / "endpoint.part", json.dumps(endpoint))


if __name__ == "__main__":
    main(*sys.argv[1:])
