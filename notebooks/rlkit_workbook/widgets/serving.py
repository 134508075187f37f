"""What `make app` adds to Voila so that no visitor exhausts the machine: a number of places, well-formed messages."""

from __future__ import annotations

import asyncio
import time

import psutil
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Float, Int, default

MEMORY = 600e6  # bytes of a kernel whose visitor has trained the largest populations, and seen the whole gallery
PROTOCOL = "v1.kernel.websocket.jupyter.org"


class VisitorKernels(AsyncMappingKernelManager):
    """Starts a kernel per visitor, and refuses the one too many with status 503 and a sentence.

    Voila keeps some kernels that have run the notebook already; they count as well. It does not ask whether those that
    it hands out are used, nor replaces them when all places were taken: both are done here, every `cull_interval`.
    """

    visitors = Int(min=1, help="how many visitors are served at a time; by default what fits the free memory")
    visitors = visitors.tag(config=True)
    patience = Float(30, help="seconds without a page after which a kernel ends").tag(config=True)

    def __init__(self, **arguments) -> None:
        super().__init__(**arguments)
        self.log.info("Room for %d visitors at a time (VisitorKernels.visitors)", self.visitors)

    @default("visitors")
    def _as_many_as_fit(self) -> int:
        return max(1, int(psutil.virtual_memory().available // MEMORY))

    @property
    def taken(self) -> int:
        """How many kernels there are, those that start included, and those that end not."""
        living = sum(not kernel.shutting_down for kernel in self._kernels.values())
        return living + len(self._pending_kernels.keys() - self._kernels.keys())

    async def start_kernel(self, **arguments) -> str:
        if self.taken < self.visitors:
            return await super().start_kernel(**arguments)
        start = asyncio.current_task()
        for pool in self._pools.values():
            if start in pool:  # no visitor waits for it; were it to fail there, Voila would end no kernel any more
                pool.remove(start)
                raise asyncio.CancelledError
        sentence = f"all {self.visitors} places of this app are taken; come back when one is free"
        raise HTTPError(503, sentence, reason=sentence)  # the page shows the reason

    async def cull_kernels(self) -> None:
        await super().cull_kernels()
        if self.taken < self.visitors:
            for notebook in self._pools:
                self.fill_if_needed(notebook_name=notebook)

    def notify_disconnect(self, kernel_id: str) -> None:
        super().notify_disconnect(kernel_id)
        if kernel_id in self:
            self.get_kernel(kernel_id).page_seen = time.monotonic()

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a kernel also when its page has gone, or never came; those that wait for a visitor are not asked."""
        kernel, now = self.get_kernel(kernel_id), time.monotonic()
        if not self._kernel_connections.get(kernel_id) and kernel.execution_state == "idle":
            if not hasattr(kernel, "page_seen"):
                kernel.page_seen = now + 3 * self.patience  # a page that loads, in a browser with much to do
            if now - kernel.page_seen > self.patience:
                return await self.shutdown_kernel(kernel_id)
        await super().cull_kernel_if_idle(kernel_id)


class VisitorConnection(ZMQChannelsWebsocketConnection):
    """Speaks with a page in the protocol that every page of Voila offers, and in no other.

    Voila 0.5 reads each binary message as one of this protocol. The older one's begins with other numbers, of which it
    would make a list of some 10^18 offsets: the server spins and grows until the machine's memory is gone.
    """

    async def prepare(self) -> None:
        offered = self.websocket_handler.request.headers.get("Sec-WebSocket-Protocol", "")
        if PROTOCOL not in [name.strip() for name in offered.split(",")]:
            raise HTTPError(400, f"this app speaks {PROTOCOL}; expected a client that offers it")
        await super().prepare()

    def handle_incoming_message(self, message: bytes | str) -> None:
        # how many offsets, then the offsets, 8 bytes each; the server would believe any count
        if isinstance(message, str) or 8 * (1 + int.from_bytes(message[:8], "little")) > len(message):
            self.websocket_handler.close(1003, "expected the offsets of a message, and its parts")
            return
        super().handle_incoming_message(message)
