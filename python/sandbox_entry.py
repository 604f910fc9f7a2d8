"""Prepares a rented container and becomes its Jupyter server: private files, an environment for kernels, no more rights than needed.

What to do comes as JSON in GLOVEBOX_SPEC, the server's token in GLOVEBOX_TOKEN; neither reaches a kernel.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

# A name that ends in `*` stands for every name that begins so. What is not listed does not reach kernels.
KERNEL_VARIABLES = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE LC_* TZ TERM TMPDIR LD_LIBRARY_PATH LIBRARY_PATH VIRTUAL_ENV CONDA_PREFIX
    CUDA_* CUDNN_* NVIDIA_* NCCL_* OMP_* MKL_* OPENBLAS_* TORCH_* PYTORCH_* TRITON_* XLA_* JAX_*
    PYTHONHASHSEED PYTHONUTF8 PYTHONIOENCODING SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE
""".split()


MARKER = ".glovebox-complete.json"


def say(text: str) -> None:
    print(f"glovebox: {text}", flush=True)


def kernel_environment(spec: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    wanted = KERNEL_VARIABLES + spec["env_names"]
    exact = {name for name in wanted if not name.endswith("*")}
    beginnings = tuple(name[:-1] for name in wanted if name.endswith("*"))
    env = {name: value for name, value in given.items() if name in exact or name.startswith(beginnings)}
    paths = {name: os.path.abspath(place) for name, place in spec["paths"].items()}
    if "containers" in spec:
        place = os.path.abspath(spec["containers"])
        paths.update(GLOVEBOX_CONTAINERS=place, DOCKER_HOST=f"unix://{os.path.join(place, 'docker.sock')}")
    libraries = [os.path.join(os.path.abspath(spec[name]), "lib") for name in ("workspace", "state")]
    return {**env, **paths, "PYTHONPATH": os.pathsep.join(libraries), "GLOVEBOX_LIB": libraries[0]}


def write_private(file: Path, content: str) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(content)


def write_files(spec: dict[str, Any], token: str, home: Path, env: dict[str, str]) -> Path:
    """Everything the server reads: its configuration with the token, the kernel, settings of JupyterLab's page."""
    config = spec["config"]
    config["ServerApp"]["root_dir"] = os.path.abspath(spec["workspace"])
    ours = config.get("SandboxServerApp", {})
    if "commit_mounts" in ours:
        ours["commit_mounts"] = [os.path.abspath(mount) for mount in ours["commit_mounts"]]
    config["ServerApp"]["allow_root"] = os.geteuid() == 0
    config["IdentityProvider"] = {"token": token}
    config["LabApp"]["user_settings_dir"] = str(home / "config/user-settings")
    config["LabApp"]["workspaces_dir"] = str(home / "config/workspaces")
    for name in ("data/kernels/python3", "config/labconfig", "config/workspaces", "runtime"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    kernel = {
        "argv": [sys.executable, str(Path(__file__).with_name("launch_kernel.py")), "-f", "{connection_file}"],
        "display_name": f"Python {sys.version_info.major}.{sys.version_info.minor}",
        "language": "python",
        "metadata": {"debugger": True},
        # The server's private folders are no business of what runs in a cell.
        "env": {name: "" for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR")},
    }
    (home / "data/kernels/python3/kernel.json").write_text(json.dumps(kernel), encoding="utf-8")
    (home / "config/labconfig/page_config.json").write_text(json.dumps(spec["page_config"]), encoding="utf-8")
    file = home / "server.json"
    write_private(file, json.dumps(config))
    env.update(
        JUPYTER_CONFIG_DIR=str(home / "config"),
        JUPYTER_DATA_DIR=str(home / "data"),
        JUPYTER_PATH=str(home / "data"),
        JUPYTER_RUNTIME_DIR=str(home / "runtime"),
        GLOVEBOX_FORGET=str(file),
    )
    return file


def write_models(spec: dict[str, Any], state: Path, env: dict[str, str]) -> None:
    """What kernels know of the models; weights that are not complete end the start here, and not in the middle of an experiment."""
    for place in spec["weights"]:
        if not os.path.exists(os.path.join(place, MARKER)):
            raise SystemExit(f"the weights in {place} are not complete")
    shutil.copytree(Path(__file__).with_name("lib"), state / "lib", dirs_exist_ok=True)
    places = ("path", "base_path")
    models = [{**model, **{key: os.path.abspath(model[key]) for key in places if key in model}} for model in spec["models"]]
    for model in models:
        model["adapters"] = [{**adapter, "path": os.path.abspath(adapter["path"])} for adapter in model["adapters"]]
    file = state / "models.json"
    file.write_text(json.dumps(models), encoding="utf-8")
    env["GLOVEBOX_MODELS"] = str(file)


def give_to(uid: int, folder: Path) -> None:
    for place, _folders, files in os.walk(folder):
        for name in [place, *(os.path.join(place, file) for file in files)]:
            if os.lstat(name).st_uid != uid:
                os.lchown(name, uid, uid)


def drop_rights(user: dict[str, Any], folders: list[Path], env: dict[str, str]) -> None:
    """From root to a user without rights, who owns the workspace. Does nothing for anybody else."""
    if os.geteuid() != 0:
        return
    name, uid = user["name"], user["uid"]
    try:
        pwd.getpwuid(uid)
    except KeyError:
        # Programs ask for the name of the user; without the tool that makes one, the number alone does.
        if shutil.which("useradd"):
            subprocess.run(["useradd", "--uid", str(uid), "--create-home", "--shell", "/bin/bash", name], check=False)
    home = Path(user.get("home", f"/home/{name}"))
    home.mkdir(parents=True, exist_ok=True)
    for folder in [home, *folders]:
        give_to(uid, folder)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    env.update(HOME=str(home), USER=name, LOGNAME=name)


def trouble_with(place: str) -> str:
    """Why a mount cannot be a cache: what a cache does to files is tried. Empty where nothing is in the way."""
    probe = os.path.join(place, f".glovebox-probe-{os.getpid()}")
    try:
        os.mkdir(probe)
        part = os.path.join(probe, "part")
        for mode, text in (("w", "a"), ("a", "b")):
            with open(part, mode, encoding="ascii") as stream:
                stream.write(text)
        os.replace(part, os.path.join(probe, "whole"))
        shutil.rmtree(probe)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def use_hub_cache(place: str, env: dict[str, str]) -> None:
    """What kernels download from the Hub is kept in a mount, but for tokens and what is read and written in pieces."""
    trouble = trouble_with(place)
    if trouble:
        say(f"what cells download is not kept: {place}: {trouble}")
        return
    own = os.path.join(env.get("HOME", "/tmp"), ".cache/huggingface")
    env.update(
        HF_HOME=place,
        HF_TOKEN_PATH=os.path.join(own, "token"),
        HF_STORED_TOKENS_PATH=os.path.join(own, "stored_tokens"),
        HF_XET_CACHE=os.path.join(own, "xet"),
    )


def main() -> None:
    spec = json.loads(os.environ.pop("GLOVEBOX_SPEC"))
    token = os.environ.pop("GLOVEBOX_TOKEN")
    # One log, in the order in which things happened.
    os.dup2(1, 2)
    workspace = Path(os.path.abspath(spec["workspace"]))
    state = Path(os.path.abspath(spec["state"]))
    home = state / "jupyter"
    for folder in (workspace, workspace / "lib", home):
        folder.mkdir(parents=True, exist_ok=True)
    env = kernel_environment(spec, dict(os.environ))
    write_models(spec, state, env)
    server = write_files(spec, token, home, env)
    writable = [Path(os.path.abspath(place)) for place in spec["writable"]]
    if spec.get("user") is not None:
        drop_rights(spec["user"], [workspace, home, *writable], env)
    if spec.get("hub_cache") is not None:
        use_hub_cache(os.path.abspath(spec["hub_cache"]), env)
    os.chdir(workspace)
    say(f"Python {sys.version.split()[0]}, user {os.geteuid()}, server on port {spec['config']['ServerApp']['port']}")
    serve = str(Path(__file__).with_name("serve.py"))
    # Isolated: nothing in the workspace can shadow a module of the server.
    os.execve(sys.executable, [sys.executable, "-I", serve, f"--config={server}"], env)


if __name__ == "__main__":
    main()
