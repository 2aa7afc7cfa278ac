"""`python hang.py FOLDER COMMAND...`: run COMMAND while a file system at FOLDER answers nobody.

In a mount namespace of its own that it may mount in. The end of COMMAND frees whoever waits.
"""

import ctypes
import os
import sys

folder, *command = sys.argv[1:]
device = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(device, True)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"dead", os.fsencode(folder), b"fuse", 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(command[0], command)
