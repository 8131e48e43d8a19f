"""One signed request of aiobotocore; see tests/real/takeover."""

import asyncio

from aiobotocore.session import get_session


async def once() -> None:
    async with get_session().create_client("s3") as s3:
        await s3.list_buckets()


asyncio.run(once())
