//! `stsidecar inject` from the outside: `tests/fixtures/inject/streams/NAME.in.yaml` in,
//! `NAME.out.yaml` out. `UPDATE_FIXTURES=1` writes the outputs anew, for review.

mod kept;
mod wrong;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;
use stsidecar::cli::{self, Env};
use stsidecar::telemetry::Lines;
use stsidecar::time::Wall;

pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn inject(arguments: &[&str], stdin: &str, values: &str) -> Outcome {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = cli::main(
        ["stsidecar", "inject"]
            .iter()
            .chain(arguments)
            .map(OsString::from),
        &mut Env {
            variable: &|_| None,
            names: &Vec::new,
            read: &|path| match path.to_str() {
                Some("/dev/stdin") => Ok(stdin.as_bytes().to_vec()),
                Some("values.yaml") => Ok(values.as_bytes().to_vec()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            stdout: &mut stdout,
            stderr: &mut stderr,
            log: &Lines::start(io::stderr(), |_| ()).expect("a thread"),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            termination_log: Path::new("/nonexistent"),
            wall: || Wall::from_unix_seconds(0),
        },
    );
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Outcome {
        code,
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

fn fixture(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_default()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inject/streams")
}

pub(super) const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: app\nspec:\n  containers:\n  - name: app\n";
pub(super) const ROLE: &str = "--role-arn=arn:aws:iam::111122223333:role/app";

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a developer's switch, not the program's"
)]
fn every_stream_is_injected_as_written() {
    const LEFT_ALONE: &str = "stsidecar: DaemonSet shop/left-alone: left alone: it says stsidecar.dev/inject: \"false\", or \
                              its Namespace stsidecar.dev/injection: disabled\n";
    for (name, said) in [("shop", LEFT_ALONE), ("list", "")] {
        let given = fixture(&format!("{name}.in.yaml"));
        let Outcome {
            code,
            stdout,
            stderr,
        } = inject(&[], &given, "");
        assert_eq!((code, stderr.as_str()), (0, said), "{name}");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(folder().join(format!("{name}.out.yaml")), &stdout)
                .expect("a writable fixture");
        }
        assert_eq!(stdout, fixture(&format!("{name}.out.yaml")), "{name}");
        let again = inject(&[], &stdout, "");
        assert_eq!(
            (again.code, again.stdout),
            (0, stdout),
            "{name}: injecting twice is injecting once"
        );
    }
}

#[test]
fn flags_and_values_stand_in_for_what_the_stream_does_not_say() {
    let values = "replicas: 2\nimage: {registry: '', tag: dev}\nagent: {region: eu-west-1}\n";
    let read = |outcome: Outcome| -> Value {
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        serde_saphyr::from_str(&outcome.stdout).expect("YAML")
    };
    let pod = read(inject(
        &[ROLE, "--values", "values.yaml", "-f", "-"],
        POD,
        values,
    ));
    let sidecar = &pod["spec"]["initContainers"][0];
    assert_eq!(sidecar["image"], "stsidecar/stsidecar:dev");
    assert_eq!(
        sidecar["env"][1],
        serde_json::json!({ "name": "AWS_REGION", "value": "eu-west-1" })
    );
    let pod = read(inject(
        &[ROLE, "--values=values.yaml", "--region=us-east-1"],
        POD,
        values,
    ));
    assert_eq!(
        pod["spec"]["initContainers"][0]["env"][1]["value"],
        "us-east-1"
    );
    let account = "kind: ServiceAccount\nmetadata:\n  name: default\n  namespace: other\n  annotations:\n    \
                   stsidecar.dev/role-arn: arn:aws:iam::111122223333:role/of-account\n";
    let printed = inject(
        &["--region=us-east-1", "-n", "other"],
        &format!("{account}---\n{POD}"),
        "",
    );
    assert!(
        printed.code == 0 && printed.stdout.contains("role/of-account"),
        "{}",
        printed.stderr
    );
    let json = r#"{"kind":"Pod","spec":{"containers":[{"name":"app","args":["\ud83d\ude00"]}]}}"#;
    assert_eq!(
        read(inject(&[ROLE, "--region=us-east-1"], json, ""))["spec"]["containers"][0]["args"][0],
        "\u{1f600}"
    );
}

#[test]
fn warnings_go_to_standard_error() {
    let keys = format!("{POD}    env: [{{name: AWS_PROFILE, value: old}}]\n");
    let Outcome {
        code,
        stdout,
        stderr,
    } = inject(&[ROLE, "--region=us-east-1"], &keys, "");
    assert!(
        code == 0 && stdout.contains("name: stsidecar\n"),
        "{stdout}"
    );
    assert!(
        stderr.starts_with("stsidecar: Pod default/app: container app sets AWS_PROFILE"),
        "{stderr}"
    );
}

/// The webhook knows no flag of the command line: what was injected by a role of a flag is renewed,
/// not refused.
#[test]
fn what_a_flag_said_of_the_role_stays_with_the_workload() {
    let asking = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: app\n  annotations: {stsidecar.dev/inject: \"true\"}\n\
                  spec:\n  containers:\n  - name: app\n";
    for pod in [POD, asking] {
        let values = "agent: {region: eu-central-1}\n";
        let first = inject(&[ROLE, "--values=values.yaml"], pod, values);
        assert_eq!(first.code, 0, "{}", first.stderr);
        let again = inject(&["--values=values.yaml"], &first.stdout, values);
        assert_eq!(
            (again.code, again.stdout.as_str()),
            (0, first.stdout.as_str()),
            "{}",
            again.stderr
        );
    }
    let own = asking.replace("\"true\"", "\"true\", stsidecar.dev/config: mine");
    let first = inject(
        &[ROLE, "--values=values.yaml"],
        &own,
        "agent: {region: eu-central-1}\n",
    );
    assert!(
        !first.stdout.contains("stsidecar.dev/role-arn"),
        "the ConfigMap decides: {}",
        first.stdout
    );
}

/// Else the webhook would move the application to the chart's region without a word.
#[test]
fn what_a_flag_said_of_the_region_stays_with_the_workload() {
    let first = inject(&[ROLE, "--region=eu-west-1"], POD, "");
    let again = inject(
        &["--values=values.yaml"],
        &first.stdout,
        "agent: {region: eu-central-1}\n",
    );
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, first.stdout.as_str()),
        "{}",
        again.stderr
    );
    // Over what an envFrom may hold only an annotation writes it, which a flag for all workloads is
    // not.
    let unknown = format!("{POD}    envFrom: [{{configMapRef: {{name: platform}}}}]\n");
    let first = inject(&[ROLE, "--region=eu-west-1"], &unknown, "");
    let again = inject(&["--region=eu-west-1"], &first.stdout, "");
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, first.stdout.as_str()),
        "{}",
        again.stderr
    );
    assert!(
        !first.stdout.contains("name: AWS_DEFAULT_REGION"),
        "{}",
        first.stdout
    );
}
