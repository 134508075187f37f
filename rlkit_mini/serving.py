"""What `make app` adds to Voila: at most so many visitors at a time, so that none of them exhausts the machine."""

from __future__ import annotations

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Int


class VisitorKernels(AsyncMappingKernelManager):
    """Starts a kernel a visitor, and refuses the one too many with status 503 and a sentence."""

    visitors = Int(10, min=1, help="how many visitors are served at a time").tag(config=True)

    _starting = 0

    async def start_kernel(self, **arguments) -> str:
        if len(self) + self._starting >= self.visitors:
            raise HTTPError(503, f"all {self.visitors} places of this app are taken; come back when one is free")
        self._starting += 1
        try:
            return await super().start_kernel(**arguments)
        finally:
            self._starting -= 1
