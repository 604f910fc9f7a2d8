"""Tells how the last execution of a kernel ended, for a client that missed the reply to it.

Runs inside the kernel, by `exec` in a namespace of its own, in a silent request. IPython keeps the result of the execution before
this one until this one has ended; what was found is kept on the shell, because the next request of this kind finds this one.
"""

from __future__ import annotations

import hashlib
import json
import traceback
from typing import Any, Dict, Optional

MIME = "application/vnd.glovebox.execution+json"
VALUE_CHARS = 2000
TRACEBACK_CHARS = 20_000


def describe_error(error: Optional[BaseException]) -> Optional[Dict[str, Any]]:
    """Name, text and traceback; asks the exception itself no more often than showing it does."""
    if error is None:
        return None
    try:
        value = str(error)
    except BaseException:  # noqa: BLE001 whatever a foreign __str__ does
        value = ""
    try:
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except BaseException:  # noqa: BLE001
        lines = ""
    return {
        "name": type(error).__name__,
        "value": value[:VALUE_CHARS],
        "traceback": lines[-TRACEBACK_CHARS:].splitlines(),
    }


def recall(shell: Any) -> Optional[Dict[str, Any]]:
    """The last execution that counted; None where nothing is known of it."""
    result = shell.last_execution_result
    info = getattr(result, "info", None)
    if info is None or not info.store_history:
        found: Optional[Dict[str, Any]] = getattr(shell, "_glovebox_recalled", None)
        return found
    error = result.error_before_exec or result.error_in_exec
    answer = {
        "count": result.execution_count,
        "sha256": hashlib.sha256(info.raw_cell.encode("utf-8", "surrogatepass")).hexdigest(),
        "error": describe_error(error),
    }
    shell._glovebox_recalled = answer
    return answer


def main() -> None:
    """Nothing may come of a failure here: an error would end the requests that wait behind this one."""
    try:
        from IPython import get_ipython

        shell = get_ipython()
        answer = recall(shell)
        if answer is not None:
            shell.display_pub.publish({MIME: json.dumps(answer)})
    except BaseException:  # noqa: BLE001
        pass


main()
