//! Commands from the outside: arguments, environment and a scripted agent in; streams and exit code
//! out.

mod clients;
mod credential_process;
mod mistyped;
mod status;

use std::collections::HashMap;
use std::io::Read;
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use super::*;
use crate::config::SETTINGS;

#[derive(Default)]
struct Outcome {
    code: u8,
    stdout: String,
    stderr: String,
}

/// What `run` would log to; no command of these tests gets so far.
fn lines() -> Lines {
    Lines::start(io::stderr(), |_| ()).expect("a thread")
}

fn outcome(arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    outcome_at(
        arguments,
        &variables,
        Path::new("/nonexistent/termination-log"),
    )
}

fn outcome_at(
    arguments: &[&str],
    variables: &HashMap<&str, &str>,
    termination_log: &Path,
) -> Outcome {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = main(
        ["stsidecar"].iter().chain(arguments).map(OsString::from),
        &mut Env {
            variable: &|name| variables.get(name).map(|&value| value.to_owned()),
            names: &|| variables.keys().map(|&name| name.to_owned()).collect(),
            read: &|path| match path.to_str() {
                Some("/token") => Ok(b"secret-of-the-client".to_vec()),
                Some("/token-of-job") => Ok(b"secret-of-the-job".to_vec()),
                Some("/token-from-windows") => Ok(b"\xef\xbb\xbfsecret-of-the-client\r\n".to_vec()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            stdout: &mut stdout,
            stderr: &mut stderr,
            log: &lines(),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            termination_log,
            wall: || Wall::from_unix_seconds(1_795_327_200),
        },
    );
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Outcome {
        code,
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// Answers one request with `answer`, and hands over what was asked.
fn agent(answer: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut head = Vec::new();
        let mut piece = [0; 1024];
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut piece).expect("a head");
            assert_ne!(read, 0, "the request broke off");
            head.extend_from_slice(&piece[..read]);
        }
        stream.write_all(answer.as_bytes()).expect("a reader");
        String::from_utf8(head).expect("text")
    });
    (address, served)
}

fn http(status: u16, body: &Value) -> &'static str {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .leak()
}

#[test]
fn the_help_has_every_flag_with_its_variables_and_default() {
    let help = outcome(&["run", "--help"], &[]);
    assert_eq!(help.code, 0);
    let one_line = help.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for setting in SETTINGS {
        let env = format!("[env: {}]", setting.variables.join(", "));
        assert!(
            one_line.contains(&format!("--{}", setting.flag)) && one_line.contains(&env),
            "{}",
            setting.flag
        );
        assert!(
            setting
                .default
                .is_none_or(|default| one_line.contains(&format!("[default: {default}]")))
        );
    }
    command().debug_assert();
}

#[test]
fn wrong_arguments_exit_64_and_questions_exit_0() {
    let both = ["status", "--incident-probe", "--retry"];
    for wrong in [
        &[][..],
        &["walk"],
        &["run", "--regoin=x"],
        &["status", "--probe", "-o", "json"],
        &both,
        &["run", "x"],
    ] {
        let Outcome {
            code,
            stdout,
            stderr,
        } = outcome(wrong, &[]);
        assert_eq!(
            (code, stdout.as_str(), stderr.is_empty()),
            (64, "", false),
            "{wrong:?}"
        );
    }
    let version = outcome(&["--version"], &[]);
    assert_eq!(
        (version.code, version.stdout),
        (0, format!("stsidecar {}\n", version::LONG))
    );
}

#[test]
fn no_complaint_repeats_a_url_with_a_password_or_a_query() {
    for arguments in [
        &["run", "https://user:canary@proxy:3128"][..],
        &["https://user:canary@proxy:3128"],
        &[
            "run",
            "--region",
            "eu-central-1",
            "https://proxy/?token=canary",
        ],
        &["run", "--proxy=http://user:canary@proxy:3128"],
        &["run", "--wait-for-credentials", "user:canary@proxy"],
        &["run", "--sts-endpoint=https://user:canary#1@host"],
        &[
            "run",
            "--sts-endpoint",
            "https://host/?canary",
            "--region",
            "x",
        ],
        &["run", "--log-format=https://user:canary@host"],
        &["run", "--config=https://user:canary@host/config.yaml"],
        &["status", "-o", "https://user:canary@host"],
        &["status", "--admin-listen=https://user:canary@host"],
        &[
            "check",
            "--offline",
            "--sts-endpoint=https://user:canary@host",
        ],
        &["credential-process", "--region=https://user:canary@host"],
        #[cfg(feature = "injector")]
        &["inject", "--role-arn=https://user:canary@host"],
        #[cfg(feature = "injector")]
        &["inject", "--region=https://user:canary@host"],
        #[cfg(feature = "injector")]
        &["inject", "--values=https://user:canary@host/values.yaml"],
    ] {
        let Outcome {
            code,
            stdout,
            stderr,
        } = outcome(arguments, &[("HTTPS_PROXY", "http://user:canary#1@proxy")]);
        assert_ne!(code, 0, "{arguments:?}");
        assert!(
            !stdout.contains("canary") && !stderr.contains("canary"),
            "{arguments:?}: {stdout}{stderr}"
        );
        assert!(!(stdout + &stderr).is_empty(), "{arguments:?}");
    }
}

#[test]
#[cfg(unix)]
fn an_argument_that_is_not_utf8_is_a_usage_error() {
    use std::os::unix::ffi::OsStringExt;
    let arguments = [
        "stsidecar".into(),
        "run".into(),
        OsString::from_vec(b"--region=\xff".to_vec()),
    ];
    let mut stderr = Vec::new();
    let mut env = Env {
        variable: &|_| None,
        names: &Vec::new,
        read: &|_| Err(io::ErrorKind::NotFound.into()),
        stdout: &mut io::sink(),
        stderr: &mut stderr,
        log: &lines(),
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        termination_log: Path::new("/nonexistent"),
        wall: Wall::default,
    };
    assert_eq!(main(arguments, &mut env), exit::USAGE);
    assert!(String::from_utf8(stderr).expect("text").contains("UTF-8"));
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut stderr = Vec::new();
    let mut env = Env {
        variable: &|_| None,
        names: &Vec::new,
        read: &|_| Err(io::ErrorKind::NotFound.into()),
        stdout: &mut Closed,
        stderr: &mut stderr,
        log: &lines(),
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        termination_log: Path::new("/nonexistent"),
        wall: Wall::default,
    };
    assert_eq!(
        main(["stsidecar".into(), "schema".into()], &mut env),
        exit::OK
    );
    assert!(stderr.is_empty());
}

#[test]
fn the_schema_is_json() {
    let schema: Value = serde_json::from_str(&outcome(&["schema"], &[]).stdout).expect("JSON");
    assert!(schema["properties"]["profiles"].is_object());
}

#[test]
fn a_bad_configuration_exits_78_with_one_plain_line_for_the_kubelet() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let outcome = outcome_at(&["run", "--region", "E\nU"], &HashMap::new(), log.path());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (78, ""));
    let line = std::fs::read_to_string(log.path()).expect("the log");
    assert!(
        line.starts_with(r#"stsidecar: --region: "E\nU" is not accepted"#)
            && line.lines().count() == 1,
        "{line}"
    );
    assert_eq!(outcome.stderr, line);
}

#[test]
fn a_termination_log_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("termination-log");
    assert_eq!(outcome_at(&["run"], &HashMap::new(), &log).code, 78);
    assert!(!log.exists());
}
