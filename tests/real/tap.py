"""A wire tap on loopback: passes bytes between a client and a server, and reads along.

It sees what no client can tell about itself: with which access key each request was really signed, and what
the server answered. It can also play an outage of the server. Bytes are passed on as they are, so signatures,
which cover the Host header, stay right.
"""

import asyncio
import contextlib
import re
import threading
from collections import Counter

_ACCESS_KEY = re.compile(rb"\r\nauthorization: [^\r\n]*?credential=([^/\s,]+)/", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})[ \r]")
# Longer than a head up to the end of the access key; a match is counted once its end has arrived.
_OVERLAP = 8192


class Tap:
    """Listens on `url` for `port`, until closed; a context manager."""

    def __init__(self, port: int) -> None:
        self.access_keys: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.last_access_key: str | None = None
        self._upstream = port
        self._connections: set[asyncio.Task] = set()
        self._cut = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def __enter__(self) -> "Tap":
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def refused(self) -> Counter[int]:
        """The answers that were errors."""
        return Counter({status: count for status, count in self.statuses.items() if status >= 400})

    def cut(self) -> None:
        """Closes every connection, and each new one at once: the server is gone."""
        self._cut = True
        self._call(self._drop())

    def mend(self) -> None:
        """Ends cut."""
        self._cut = False

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    async def _drop(self) -> None:
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _end(self) -> None:
        self._server.close()
        await self._drop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None, "asyncio runs each connection as a task"
        self._connections.add(task)
        try:
            await self._pass_both_ways(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _pass_both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        directions = [
            asyncio.ensure_future(self._pass(reader, server_writer, _ACCESS_KEY, self._saw_access_key)),
            asyncio.ensure_future(self._pass(server_reader, writer, _STATUS, self._saw_status)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            server_writer.close()
            await asyncio.gather(*directions, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pattern: re.Pattern, saw) -> None:
        tail = b""
        while chunk := await reader.read(65536):
            known, seen = len(tail), tail + chunk
            for match in pattern.finditer(seen):
                if match.end() > known:
                    saw(match.group(1).decode())
            tail = seen[-_OVERLAP:]
            writer.write(chunk)
            with contextlib.suppress(ConnectionError):
                await writer.drain()

    def _saw_access_key(self, key: str) -> None:
        self.access_keys[key] += 1
        self.last_access_key = key

    def _saw_status(self, status: str) -> None:
        self.statuses[int(status)] += 1
