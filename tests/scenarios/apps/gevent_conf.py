"""gunicorn's configuration: monkey-patch (as PATCH says) before --preload imports the app."""
import os

from gevent import monkey

if os.environ["PATCH"] == "all":
    monkey.patch_all()
elif os.environ["PATCH"] == "all but threads":
    monkey.patch_all(thread=False)
