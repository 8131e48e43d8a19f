"""What a container may have beside the two variables that lead to the endpoint. Standard library only.

`{home}` is the container's home, `{folder}` a folder that no client looks into by itself.
"""

from dataclasses import dataclass, field

KEY, SECRET = "AKIACONTENDER0000000", "contender-secret"
FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
METADATA = "AWS_EC2_METADATA_DISABLED"
NO_SERVER = "http://127.0.0.1:9/v1/credentials"

_STATIC = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
_PROCESS = "credential_process = cat {folder}/process.json\n"
# A session, and one that expires: without either Kotlin takes the output for none.
_SESSION = '"SessionToken": "contender-session", "Expiration": "2100-01-01T00:00:00Z"'
_OUTPUT = f'{{"Version": 1, "AccessKeyId": "{KEY}", "SecretAccessKey": "{SECRET}", {_SESSION}}}'
_ROLE = "role_arn = arn:aws:iam::111122223333:role/contender\nweb_identity_token_file = {folder}/token\n"
_DEFAULT = "[default]\n"


@dataclass(frozen=True)
class Contender:
    """One column. A variable that is None is taken away; `files` are written before the client starts.

    `tells` is what the injector can see of it in a pod: names of variables, or the path of a mount.
    """

    key: str
    title: str
    variables: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    tells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """One table."""

    title: str
    text: str
    contenders: list[Contender]


def _set(key: str, title: str, tells: tuple[str, ...] | None = None, **variables: str | None) -> Contender:
    return Contender(key, title, variables, tells=tuple(variables) if tells is None else tells)


def _named(key: str, title: str, variable: str, content: str, files: dict[str, str] | None = None, **more: str) -> Contender:
    """A variable that names a file."""
    path = f"{{folder}}/{key}"
    return Contender(key, title, {variable: path, **more}, {path: content, **(files or {})}, (variable,))


_JVM = f"-Daws.accessKeyId={KEY} -Daws.secretAccessKey={SECRET} -Daws.secretKey={SECRET}"
_TEAM = {"{home}/.aws/credentials": f"[team]\n{_STATIC}"}
_WITH_PROCESS = {"{folder}/process.json": _OUTPUT}
_WITH_TOKEN = {"{folder}/token": "header.claims.signature"}

GROUPS = [
    Group(
        "Keys in variables",
        "`half` is `AWS_ACCESS_KEY_ID` without its secret. `older names` are `AWS_ACCESS_KEY` and `AWS_SECRET_KEY`. "
        "`AMAZON_` is `AMAZON_ACCESS_KEY_ID` with its secret. `MINIO_` is `MINIO_ACCESS_KEY` with its secret. `JVM` is "
        "`JAVA_TOOL_OPTIONS` with `-Daws.accessKeyId` and its secret; `JDK_JAVA_OPTIONS` and a command line do the same. `''` is an "
        "empty value of both variables.",
        [
            _set("keys", "`AWS_ACCESS_KEY_ID` and secret", AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET),
            _set("half-keys", "half", AWS_ACCESS_KEY_ID=KEY),
            _set("empty-keys", "`''`", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""),
            _set("older-keys", "older names", AWS_ACCESS_KEY=KEY, AWS_SECRET_KEY=SECRET),
            _set("amazon-keys", "`AMAZON_`", AMAZON_ACCESS_KEY_ID=KEY, AMAZON_SECRET_ACCESS_KEY=SECRET),
            _set("minio-keys", "`MINIO_`", MINIO_ACCESS_KEY=KEY, MINIO_SECRET_KEY=SECRET),
            _set("jvm-keys", "JVM", JAVA_TOOL_OPTIONS=_JVM),
        ],
    ),
    Group(
        "Profiles",
        "The profile `team` has keys in `~/.aws/credentials`, which has no profile `default`. `missing` names a profile that no "
        "file has; `''` is an empty value.",
        [
            Contender("profile", "`AWS_PROFILE`", {"AWS_PROFILE": "team"}, _TEAM, ("AWS_PROFILE",)),
            Contender("default-profile", "`AWS_DEFAULT_PROFILE`", {"AWS_DEFAULT_PROFILE": "team"}, _TEAM, ("AWS_DEFAULT_PROFILE",)),
            _set("missing-profile", "missing `AWS_PROFILE`", AWS_PROFILE="missing"),
            _set("empty-profile", "`AWS_PROFILE` `''`", AWS_PROFILE=""),
            _set("missing-default-profile", "missing `AWS_DEFAULT_PROFILE`", AWS_DEFAULT_PROFILE="missing"),
        ],
    ),
    Group(
        "Files in the home",
        "A profile `default` with keys, with `credential_process`, or with a role and a token file; `~/.boto` is a file of boto 2.",
        [
            Contender("home-credentials", "`~/.aws/credentials`", files={"{home}/.aws/credentials": _DEFAULT + _STATIC}, tells=("/.aws",)),
            Contender("home-config", "`~/.aws/config`, keys", files={"{home}/.aws/config": _DEFAULT + _STATIC}, tells=("/.aws",)),
            Contender(
                "home-process",
                "`~/.aws/config`, process",
                files={"{home}/.aws/config": _DEFAULT + _PROCESS, **_WITH_PROCESS},
                tells=("/.aws",),
            ),
            Contender(
                "home-role",
                "`~/.aws/config`, role",
                files={"{home}/.aws/config": _DEFAULT + _ROLE, **_WITH_TOKEN},
                tells=("/.aws",),
            ),
            Contender("home-boto", "`~/.boto`", files={"{home}/.boto": f"[Credentials]\n{_STATIC}"}, tells=("/.boto",)),
        ],
    ),
    Group(
        "Files that a variable names",
        "As above. `with LOAD` is `AWS_CONFIG_FILE` beside `AWS_SDK_LOAD_CONFIG=1`, which older SDKs want before they read that "
        "file. `AWS_CREDENTIAL_FILE` is a file of the first EC2 tools, `BOTO_CONFIG` one of boto 2.",
        [
            _named("shared-file", "`AWS_SHARED_CREDENTIALS_FILE`", "AWS_SHARED_CREDENTIALS_FILE", _DEFAULT + _STATIC),
            _named("config-file", "`AWS_CONFIG_FILE`, keys", "AWS_CONFIG_FILE", _DEFAULT + _STATIC),
            _named("config-file-load", "with LOAD, keys", "AWS_CONFIG_FILE", _DEFAULT + _STATIC, AWS_SDK_LOAD_CONFIG="1"),
            _named("config-process", "`AWS_CONFIG_FILE`, process", "AWS_CONFIG_FILE", _DEFAULT + _PROCESS, _WITH_PROCESS),
            _named("config-role", "`AWS_CONFIG_FILE`, role", "AWS_CONFIG_FILE", _DEFAULT + _ROLE, _WITH_TOKEN),
            _named("profiles-file", "`AWS_CREDENTIAL_PROFILES_FILE`", "AWS_CREDENTIAL_PROFILES_FILE", _DEFAULT + _STATIC),
            _named("credential-file", "`AWS_CREDENTIAL_FILE`", "AWS_CREDENTIAL_FILE", f"AWSAccessKeyId={KEY}\nAWSSecretKey={SECRET}\n"),
            _named("boto-config", "`BOTO_CONFIG`", "BOTO_CONFIG", f"[Credentials]\n{_STATIC}"),
        ],
    ),
    Group(
        "Web identity (IRSA)",
        "A client that asks STS with the token has let the web identity win, whatever STS answers.",
        [
            Contender(
                "web-identity",
                "`AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`",
                {"AWS_WEB_IDENTITY_TOKEN_FILE": "{folder}/token", "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/contender"},
                _WITH_TOKEN,
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
            ),
            _named("token-alone", "the file alone", "AWS_WEB_IDENTITY_TOKEN_FILE", "header.claims.signature"),
            _set("empty-web-identity", "both `''`", AWS_WEB_IDENTITY_TOKEN_FILE="", AWS_ROLE_ARN=""),
            _set("role-alone", "the role alone", AWS_ROLE_ARN="arn:aws:iam::111122223333:role/contender"),
        ],
    ),
    Group(
        "The variables of the container provider",
        "`RELATIVE_URI`, `FULL_URI`, `TOKEN` and `TOKEN_FILE` are the ends of their names, `''` is an empty value. A relative URI "
        "is one of ECS's address, which gives other credentials here. `other TOKEN` is one that the endpoint refuses, beside the "
        "right `TOKEN_FILE`.",
        [
            _set("relative", "`RELATIVE_URI`", **{RELATIVE_URI: "/v2/credentials/contender"}),
            _set("empty-relative", "`RELATIVE_URI` `''`", **{RELATIVE_URI: ""}),
            _set("empty-full", "`FULL_URI` `''`", **{FULL_URI: ""}),
            _set("empty-token-file", "`TOKEN_FILE` `''`", **{TOKEN_FILE: ""}),
            _set("other-token", "other `TOKEN`", **{TOKEN: "of-another-endpoint"}),
            _set("empty-token", "`TOKEN` `''`", **{TOKEN: ""}),
        ],
    ),
    Group(
        "The node's role",
        "Nothing listens at the URI, or the endpoint answers as ever, and the instance metadata has a role: with "
        "`AWS_EC2_METADATA_DISABLED=true`, which the injector sets, and without it.",
        [
            _set("down", "endpoint gone", (), **{FULL_URI: NO_SERVER}),
            _set("down-metadata", "gone, without", (), **{FULL_URI: NO_SERVER, METADATA: None}),
            _set("metadata", "there, without", (), **{METADATA: None}),
        ],
    ),
]
CONTENDERS = [contender for group in GROUPS for contender in group.contenders]
