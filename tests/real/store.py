"""A server that is STS and S3 at once: its start, its one bucket and its end, whichever program it is."""

from pathlib import Path

import boto3
from botocore.config import Config

from .processes import Failed, start

REGION = "us-east-1"
BUCKET = "demo"
START_SECONDS = 120.0


class Store:
    """A running server with one bucket; a context manager. `administrator` is the key pair that may do everything."""

    NAME: str
    administrator: tuple[str, str]
    # The role that AssumeRoleWithWebIdentity is asked for, and long-term keys that may call AssumeRole.
    role: str
    user: str
    user_secret: str
    # Impatient: while they start, servers leave writes hanging.
    PATIENCE = 3

    def __init__(self, directory: Path, port: int, log: Path) -> None:
        self.directory, self.port, self.log = directory, port, log
        self.url = f"http://127.0.0.1:{port}"

    def run(self, command: list, variables: dict[str, str]) -> None:
        """Starts it, and leaves nothing behind when it does not come up."""
        self.process = start(command, self.log, variables, cwd=self.directory)
        try:
            self.come_up()
        except BaseException:
            self.stop()
            raise

    def come_up(self) -> None:
        """Waits until it can be used."""
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the process at once: what it stored is worth nothing, and SIGTERM takes longer."""
        self.process.kill()
        self.process.wait()

    def admin(self):
        """An S3 client with the administrator's key."""
        key, secret = self.administrator
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=self.PATIENCE),
        )

    def alive(self) -> None:
        """Fails with the end of its log when it has ended."""
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"{self.NAME} ended with {self.process.returncode}:\n{tail}")

    def stores(self) -> bool:
        """The S3 port may be open before anything can be written, so only a written object proves it."""
        self.alive()
        client = self.admin()
        try:
            if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="hello.txt", Body=b"hello")
        except Exception:  # whatever it says while it starts: the deadline decides
            return False
        return True
