"""libcurl resolves names in threads of its own: a fork while they are at it. The child does something else."""
import os
import threading
import time

import pycurl

many = pycurl.CurlMulti()
handles = []
for i in range(8):
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, f"http://host{i}.invalid/")
    handle.setopt(pycurl.PROXY, "")
    handle.setopt(pycurl.WRITEFUNCTION, lambda data: None)
    many.add_handle(handle)
    handles.append(handle)
many.perform()
child = os.fork()
if not child:
    time.sleep(0.3)
    os._exit(0)
deadline = time.monotonic() + 20
while many.perform()[1] and time.monotonic() < deadline:
    many.select(0.1)
os.wait()
