//! `credential-process` without an agent: one exchange of the whole chain.

use serde_json::{Value, json};

use super::pod::{Pod, free_address};
use super::support::fake_sts::{Behaviour, FakeSts};
use super::{TARGET, assert_no_secret, chain, token};

#[test]
fn without_an_agent_the_whole_chain_is_called_once() {
    for direct in [true, false] {
        let sts = FakeSts::start();
        let pod = Pod::new(&sts.url(), Some(&token().jwt()));
        let (config, listen) = (chain(&pod), free_address("127.77.0.3"));
        let mut arguments = vec![
            "credential-process",
            "--config",
            &config,
            "--listen",
            &listen,
        ];
        arguments.extend(direct.then_some("--direct"));
        let outcome = pod.run(&arguments);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        let printed: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        let issued = sts
            .issued("ASIAFAKE000000000002")
            .expect("the second call's");
        assert_eq!(
            printed,
            json!({"Version": 1, "AccessKeyId": issued.access_key_id, "SecretAccessKey": issued.secret_access_key,
                   "SessionToken": issued.session_token, "Expiration": issued.expiration_text(), "AccountId": "444455556666"})
        );
        assert_eq!(issued.role_arn.as_deref(), Some(TARGET));
        assert_eq!(sts.calls().len(), 2);
    }
}

#[test]
fn what_sts_refuses_is_1_and_what_is_not_answered_is_69() {
    let (sts, jwt) = (FakeSts::start(), token().jwt());
    sts.set_default(Behaviour::error(403, "AccessDenied", "no"));
    let pod = Pod::new(&sts.url(), Some(&jwt));
    let refused = pod.run(&["credential-process", "--direct"]);
    assert_no_secret(&refused, &sts, &jwt);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        refused.stderr,
        "stsidecar: AccessDenied: no; check the role ARN, and that its trust policy allows this service account\n"
    );

    let listen = free_address("127.77.0.4");
    let pod = Pod::new(
        &format!("http://{}", free_address("127.77.0.5")),
        Some(&jwt),
    );
    std::fs::create_dir_all(pod.path("endpoints/app")).expect("a directory");
    pod.write("endpoints/app/token", "0123456789abcdef0123456789abcdef");
    let silent = pod.run(&["credential-process", "--listen", &listen]);
    assert_eq!((silent.code, silent.stdout.as_str()), (Some(69), ""));
    assert_eq!(
        silent.stderr,
        format!(
            "stsidecar: ConnectionRefused: $STS refuses connections: Connection refused (os error 111); check the STS \
             endpoint's host and port: nothing listens there (no help from an agent: no agent answers on {listen})\n"
        )
    );
    let nothing = Pod::new(&sts.url(), None).run(&["credential-process", "--direct"]);
    assert_eq!(nothing.code, Some(69), "{}", nothing.stderr);
    let wrong = pod.run(&["credential-process", "--direct", "--role-arn", "app"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(78), ""));
}

#[test]
fn the_token_files_flag_chooses_the_profile() {
    let sts = FakeSts::start();
    let pod = Pod::new(&sts.url(), Some(&token().jwt()));
    let token_file = pod.text("volume/token");
    let profile = |name: &str| {
        format!(
            "  {name}: {{ webIdentity: {{ roleArn: \"arn:aws:iam::111122223333:role/{name}\", tokenFile: {token_file} }} }}\n"
        )
    };
    let clients = "clients:\n  - { name: a, profile: one, tokenFile: /run/a }\n  - { name: b, profile: two, tokenFile: /run/b }\n";
    let config = pod.write(
        "config.yaml",
        &format!("profiles:\n{}{}{clients}", profile("one"), profile("two")),
    );
    let role = |file: &str| {
        let outcome = pod.run(&[
            "credential-process",
            "--direct",
            "--config",
            &config,
            "--authorization-token-file",
            file,
        ]);
        let asked = sts
            .calls()
            .last()
            .and_then(|call| call.form.get("RoleArn").cloned());
        (outcome.code, asked, outcome.stderr)
    };
    assert_eq!(
        role("/run/b"),
        (
            Some(0),
            Some("arn:aws:iam::111122223333:role/two".into()),
            String::new()
        )
    );
    assert_eq!(
        role("/run/a"),
        (
            Some(0),
            Some("arn:aws:iam::111122223333:role/one".into()),
            String::new()
        )
    );
    let (code, _, said) = role("/run/c");
    assert_eq!(code, Some(78), "{said}");
}
