"""Starts a kernel as `python -m ipykernel_launcher` does, with room for bursts of output that its server has not read yet."""

import os
import sys

# A kernel drops what its server has not taken in time: by default beyond a thousand messages, which a loop with a display in it
# prints faster than any server reads. What waits here is freed as it is read.
MOST_MESSAGES = 100_000

if __name__ == "__main__":
    own = os.path.dirname(os.path.realpath(__file__))
    # This folder is no place for imports, and is none where PYTHONSAFEPATH is set; the kernel adds its working folder by itself.
    if os.path.realpath(sys.path[0]) == own:
        del sys.path[0]
    # Last, so that nothing of ours hides anything of the user's.
    sys.path.append(os.path.join(own, "lib"))

    import zmq
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.zmqshell import ZMQInteractiveShell

    class Exit(BaseException):
        """Ends a cell as an exception does, and those that were to follow it."""

        def _render_traceback_(self):
            return [f"Exit: {self}"]

    def end_cell(_shell):
        raise Exit("exit() ends the cell here and not the kernel: all variables are kept. restart_kernel starts it anew.")

    # As it comes, exit() ends the process a moment later, in the middle of whatever cell runs then.
    ZMQInteractiveShell.ask_exit = end_cell

    class PatientKernelApp(IPKernelApp):
        """Is configured as `IPKernelApp`."""

        def _bind_socket(self, s, port):
            # The one that broadcasts; which of the two it is depends on the version.
            if s.type in (zmq.PUB, zmq.XPUB):
                s.sndhwm = MOST_MESSAGES
            return super()._bind_socket(s, port)

    PatientKernelApp.launch_instance()
