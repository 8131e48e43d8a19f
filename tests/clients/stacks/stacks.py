"""One GET by one HTTP client of Python; prints the client's version. See measure.py."""

import asyncio
import platform
import sys


def standard(url, headers):
    from urllib.request import Request, urlopen

    urlopen(Request(url, headers=headers)).read()
    return platform.python_version()


def http_client(url, headers):
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    connection.request("GET", parts.path, headers=headers)
    connection.getresponse().read()
    return platform.python_version()


def requests(url, headers):
    import requests

    requests.get(url, headers=headers)
    return requests.__version__


def urllib3(url, headers):
    import urllib3

    urllib3.PoolManager().request("GET", url, headers=headers)
    return urllib3.__version__


def httpx(url, headers):
    import httpx

    httpx.get(url, headers=headers, trust_env=False)
    return httpx.__version__


def aiohttp(url, headers):
    import aiohttp

    async def ask():
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            await answer.read()

    asyncio.run(ask())
    return aiohttp.__version__


name, url, authorization = sys.argv[1:]
print(globals()[name](url, {"Authorization": authorization}))
