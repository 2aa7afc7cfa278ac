"""`python deaf.py FOLDER COMMAND...`: run COMMAND while a program that hangs serves FOLDER.

Unlike of hang.py, it takes each request and never answers, as a sshfs without its server: then
whoever waits cannot even be killed. In a mount namespace of its own that it may mount in.
"""

import ctypes
import os
import struct
import subprocess
import sys
import threading

folder, *command = sys.argv[1:]
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"deaf", os.fsencode(folder), b"fuse", 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))


def serve() -> None:
    """Answer the first request, FUSE_INIT (linux/fuse.h), and take all others."""
    request = os.read(device, 1 << 20)
    (unique,) = struct.unpack_from("<8xQ", request)
    init = struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 4096, 0, 0, 0, 0)
    os.write(device, struct.pack("<IiQ", 16 + len(init), 0, unique) + init)
    while os.read(device, 1 << 20):
        pass


threading.Thread(target=serve, daemon=True).start()
done = subprocess.run(command)
libc.umount2(os.fsencode(folder), 2)  # MNT_DETACH; our end frees whoever waits
os._exit(done.returncode)
