#!/usr/bin/env python3
"""What the HTTP clients of the languages send on their own: written to tests/fixtures/http_stacks.json.

Each client makes one GET with one header of ours, `Authorization`; a socket on loopback keeps the head as it came.
`cargo test --test endpoint stacks` sends every head to the endpoint, which must answer it with credentials.

    npm install --prefix FOLDER --ignore-scripts deno bun undici axios got node-fetch
    python3 -m venv FOLDER/venv && FOLDER/venv/bin/pip install requests httpx aiohttp urllib3 pythonnet dotnetcore2
    apt-get install curl wget ruby php-cli php-curl libwww-perl
    python3 tests/clients/stacks/measure.py FOLDER

Java 17, Go, Node.js and cargo are taken from the PATH. A client that is not there keeps the head that the file has
of it, and is named in the output.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURE = HERE.parents[1] / "fixtures" / "http_stacks.json"
TOKEN = "TOKEN"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
LIMIT_SECONDS = 600

PHP = """$handle = curl_init($argv[1]);
curl_setopt_array($handle, [CURLOPT_HTTPHEADER => ["Authorization: $argv[2]"], CURLOPT_RETURNTRANSFER => true]);
curl_exec($handle); echo PHP_VERSION;"""
PHP_STREAM = """$context = stream_context_create(['http' => ['header' => "Authorization: $argv[2]"]]);
file_get_contents($argv[1], false, $context); echo PHP_VERSION;"""
RUBY = """require 'net/http'; url = URI(ARGV[0])
Net::HTTP.start(url.host, url.port) { |http| http.get(url.path, { 'Authorization' => ARGV[1] }) }; puts RUBY_VERSION"""
TINY = """use HTTP::Tiny; HTTP::Tiny->new->get($ARGV[0], { headers => { Authorization => $ARGV[1] } });
print HTTP::Tiny->VERSION"""
LWP = """use LWP::UserAgent; LWP::UserAgent->new->get($ARGV[0], Authorization => $ARGV[1]); print LWP->VERSION"""
CARGO = """[package]
name = "stacks"
edition = "2024"
[dependencies]
reqwest = { version = "0.13", default-features = false, features = ["blocking"] }
ureq = { version = "3", default-features = false }
[workspace]
"""
RUST = """fn main() {
    let [name, url, token] = <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>()).unwrap();
    if name == "reqwest" {
        reqwest::blocking::Client::new().get(url).header("Authorization", token).send().unwrap();
    } else {
        ureq::get(url).header("Authorization", token).call().unwrap();
    }
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let entry = lock.split_once(&format!("name = \\"{name}\\"\\nversion = \\"")).unwrap().1;
    println!("{}", entry.split('"').next().unwrap());
}
"""


def clients(folder: Path) -> dict[str, list[str]]:
    """The command of each client; the URL and the token follow."""
    modules = folder / "node_modules"
    script = str(HERE / "stacks.mjs")
    deno = [str(modules / "@deno/linux-x64-glibc/deno"), "run", "--quiet", "--allow-all", script]
    bun = [str(modules / "@oven/bun-linux-x64/bin/bun"), script]
    python = [str(folder / "venv/bin/python"), str(HERE / "stacks.py")]
    dotnet = [python[0], str(HERE / "dotnet.py")]
    rust = folder / "rust"
    (rust / "src").mkdir(parents=True, exist_ok=True)
    (rust / "Cargo.toml").write_text(CARGO)
    (rust / "src" / "main.rs").write_text(RUST)
    cargo = ["cargo", "run", "--quiet", "--manifest-path", str(rust / "Cargo.toml"), "--"]
    shell = 'curl --silent --output /dev/null --header "Authorization: $2" "$1" && curl --version | cut -d" " -f2 | head -1'
    wget = 'wget --quiet --output-document=/dev/null --header="Authorization: $2" "$1" && wget --version | cut -d" " -f3 | head -1'
    return {
        "Node.js fetch": ["node", script, "fetch"],
        "Node.js http": ["node", script, "http"],
        "undici request": ["node", script, "undici"],
        "undici fetch": ["node", script, "undici fetch"],
        "axios": ["node", script, "axios"],
        "got": ["node", script, "got"],
        "node-fetch": ["node", script, "node-fetch"],
        "Deno fetch": [*deno, "fetch"],
        "Deno node:http": [*deno, "http"],
        "Bun fetch": [*bun, "fetch"],
        "Bun node:http": [*bun, "http"],
        "Java HttpClient": ["java", str(HERE / "Stacks.java"), "HttpClient"],
        "Java HttpURLConnection": ["java", str(HERE / "Stacks.java"), "HttpURLConnection"],
        ".NET HttpClient": [*dotnet, "client"],
        ".NET WebRequest": [*dotnet, "web_request"],
        "Python urllib.request": [*python, "standard"],
        "Python http.client": [*python, "http_client"],
        "Python requests": [*python, "requests"],
        "Python urllib3": [*python, "urllib3"],
        "Python httpx": [*python, "httpx"],
        "Python aiohttp": [*python, "aiohttp"],
        "Go net/http": ["go", "run", str(HERE / "stacks.go")],
        "Rust reqwest": [*cargo, "reqwest"],
        "Rust ureq": [*cargo, "ureq"],
        "curl": ["sh", "-c", shell, "curl"],
        "wget": ["sh", "-c", wget, "wget"],
        "Ruby Net::HTTP": ["ruby", "-e", RUBY],
        "PHP curl": ["php", "-r", PHP],
        "PHP file_get_contents": ["php", "-r", PHP_STREAM],
        "Perl HTTP::Tiny": ["perl", "-e", TINY],
        "Perl LWP": ["perl", "-e", LWP],
    }


def heads(listener: socket.socket, kept: list[bytes]) -> None:
    """Answers each connection once, and keeps the head of its request."""
    while True:
        connection, _ = listener.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head and (part := connection.recv(65536)):
                head += part
            if head:
                kept.append(head.partition(b"\r\n\r\n")[0])
                connection.sendall(ANSWER)


def measure(command: list[str], environment: dict[str, str]) -> tuple[str, list[str]]:
    """The client's version, and the lines of its request."""
    kept: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=heads, args=(listener, kept), daemon=True).start()
        port = listener.getsockname()[1]
        url = f"http://127.0.0.1:{port}/v1/credentials"
        done = subprocess.run([*command, url, TOKEN], env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if done.returncode != 0 or len(kept) != 1:
        raise OSError(f"{len(kept)} requests, exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout.strip(), kept[0].decode().replace(str(port), "PORT").split("\r\n")


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment["NODE_MODULES"] = str(folder / "node_modules")
    known = {row["stack"]: row for row in json.loads(FIXTURE.read_text())} if FIXTURE.exists() else {}
    for stack, command in clients(folder).items():
        try:
            version, head = measure(command, environment)
            known[stack] = {"stack": stack, "version": version, "head": head}
            print(f"{stack} {version}: {' | '.join(head[1:])}")
        except (OSError, subprocess.TimeoutExpired) as problem:
            print(f"not measured: {stack}: {problem}")
    FIXTURE.write_text(json.dumps(list(known.values()), indent=2) + "\n")


if __name__ == "__main__":
    main()
