//! Wrong streams, flags and values: nothing is printed, and the message says where.

use super::{POD, ROLE, inject};

/// Exits with this code, prints nothing, and begins its message so.
fn refused(arguments: &[&str], stdin: &str, values: &str, code: u8, said: &str) {
    let outcome = inject(arguments, stdin, values);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (code, ""),
        "{said}: {}",
        outcome.stderr
    );
    assert!(outcome.stderr.starts_with(said), "{}", outcome.stderr);
}

#[test]
fn a_workload_that_cannot_have_the_sidecar_is_named_with_all_others() {
    let legacy = POD.replace(
        "  name: app\nspec",
        "  name: app\n  annotations: {stsidecar.dev/legacy-clients: 'true'}\nspec",
    );
    let host = POD.replace("spec:\n", "spec:\n  hostNetwork: true\n");
    let both = format!("{host}---\n{}", POD.replace("name: app", "name: other"));
    let no_role = "no role for container app: annotate ServiceAccount default";
    for (arguments, stdin, said) in [
        (&[][..], POD, no_role),
        (&[ROLE], POD, "no AWS region"),
        (
            &[ROLE, "--region=us-east-1"],
            &legacy,
            "stsidecar.dev/legacy-clients: ",
        ),
        (&[ROLE], &both, "spec.hostNetwork is true"),
    ] {
        let said = format!("stsidecar: Pod default/app: {said}");
        refused(arguments, stdin, "", 1, &said);
    }
    let outcome = inject(&[ROLE], &both, "");
    assert!(
        outcome.stderr.contains("Pod default/other: no AWS region"),
        "all problems at once: {}",
        outcome.stderr
    );
}

#[test]
fn a_stream_that_cannot_be_read_is_named_with_the_document() {
    for (arguments, stdin, said) in [
        (
            &[][..],
            "a: 1\n---\na: [1\n",
            "standard input: document 2: unclosed bracket '[' at line 3",
        ),
        (
            &[],
            "kind: Pod\nspec: 1\n",
            "Pod default/without a name: not a pod: spec must be a map",
        ),
        (&["-f", "/none"], "", "cannot read /none: "),
    ] {
        refused(arguments, stdin, "", 1, &format!("stsidecar: {said}"));
    }
}

#[test]
fn a_flag_or_a_value_that_is_wrong_is_named() {
    let role = "error: invalid value 'app' for '--role-arn <ARN>': not a role ARN";
    refused(&["--role-arn=app"], POD, "", 64, role);
    refused(
        &["--colour"],
        POD,
        "",
        64,
        "error: unexpected argument '--colour'",
    );
    for (flag, values, said) in [
        ("--values=/none", "", "cannot read /none: "),
        (
            "--values=values.yaml",
            "agent: {regoin: x}",
            "values: unknown field `regoin`",
        ),
        ("--values=values.yaml", "a: [", "values.yaml: "),
        (
            "--region=EU",
            "",
            "values: agent.region: \"EU\" is not accepted",
        ),
    ] {
        refused(&[flag], POD, values, 78, &format!("stsidecar: {said}"));
    }
}
