"""What `make app` adds to Voila so that no visitor exhausts the machine: a number of places, well-formed messages."""

from __future__ import annotations

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from traitlets import Int

PROTOCOL = "v1.kernel.websocket.jupyter.org"


class VisitorKernels(AsyncMappingKernelManager):
    """Starts a kernel a visitor, and refuses the one too many with status 503 and a sentence."""

    visitors = Int(10, min=1, help="how many visitors are served at a time").tag(config=True)

    _starting = 0

    async def start_kernel(self, **arguments) -> str:
        if len(self) + self._starting >= self.visitors:
            sentence = f"all {self.visitors} places of this app are taken; come back when one is free"
            raise HTTPError(503, sentence, reason=sentence)  # the page shows the reason
        self._starting += 1
        try:
            return await super().start_kernel(**arguments)
        finally:
            self._starting -= 1


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
