"""What beats the endpoint: every client beside every other source of credentials, and the table of who answered.

pins        the clients with the versions that their pins say; standard library only
contenders  what a container may have beside our variables
network     a network namespace in which nothing but our own servers can be reached
servers     S3, STS, the instance's and ECS's metadata, each with a key of its own
measure     runs each client beside each contender, and judges by the key that S3 saw
table       the recorded answers as docs/clients.md; standard library only
unready, unready_table    the same for an endpoint that has no credentials yet, docs/kubelet-restarts.md
"""
