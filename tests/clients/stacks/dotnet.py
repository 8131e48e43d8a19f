"""One GET by one HTTP client of .NET, in the runtime that PyPI has; prints the runtime's version. See measure.py."""

import json
import os
import sys
import tempfile
from pathlib import Path

import dotnetcore2
from pythonnet import load

ROOT = Path(dotnetcore2.__file__).parent / "bin"
VERSION = next((ROOT / "shared" / "Microsoft.NETCore.App").iterdir()).name
FRAMEWORK = {"name": "Microsoft.NETCore.App", "version": VERSION}

# Without ICU, which the runtime would look for on the machine.
os.environ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1"
with tempfile.TemporaryDirectory() as folder:
    settings = Path(folder) / "runtimeconfig.json"
    settings.write_text(json.dumps({"runtimeOptions": {"tfm": "netcoreapp3.1", "framework": FRAMEWORK}}))
    load("coreclr", runtime_config=str(settings), dotnet_root=str(ROOT))

import clr  # noqa: E402: there from here on

clr.AddReference("System.Net.Http")
clr.AddReference("System.Net.Requests")
from System.Net import WebRequest  # noqa: E402
from System.Net.Http import HttpClient  # noqa: E402


def client(url, authorization):
    http = HttpClient()
    http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization)
    http.GetStringAsync(url).Wait()


def web_request(url, authorization):
    request = WebRequest.Create(url)
    request.Headers.Add("Authorization", authorization)
    request.GetResponse().Close()


name, url, token = sys.argv[1:]
globals()[name](url, token)
print(VERSION)
