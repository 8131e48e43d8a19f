//! `stsidecar status` and its startup probe against a scripted agent.

use super::*;

#[test]
fn status_says_ready_or_not_in_both_forms() {
    for (ready, code) in [(true, 0), (false, 1)] {
        for form in ["text", "json"] {
            let body = json!({"version": "9", "started": true, "ready": ready, "draining": false, "profiles": []});
            let (address, served) = agent(http(200, &body));
            let outcome = outcome(
                &["status", "-o", form],
                &[("STSIDECAR_ADMIN_LISTEN", &address)],
            );
            assert_eq!(outcome.code, code, "{}", outcome.stderr);
            assert!(
                outcome.stdout.contains('9') && outcome.stdout.ends_with('\n'),
                "{}",
                outcome.stdout
            );
            assert!(
                served
                    .join()
                    .expect("one request")
                    .starts_with("GET /status HTTP/1.1\r\n")
            );
        }
    }
}

/// What the agent says of `/status` to who comes from another address than loopback: the pod's own,
/// if it is given.
#[test]
fn a_status_that_is_not_shown_is_explained_by_the_address() {
    for arguments in [["status"].as_slice(), &["status", "--probe", "--wait", "1"]] {
        let (address, _) = agent(http(403, &json!("/status is for this pod only")));
        let refused = outcome(arguments, &[("STSIDECAR_ADMIN_LISTEN", &address)]);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert_eq!(refused.code, 69, "{said}");
        assert!(
            said.contains(&address) && said.contains("--admin-listen"),
            "{said}"
        );
        assert!(
            said.contains("loopback") && !said.contains("not the agent"),
            "{said}"
        );
    }
}

#[test]
fn the_probe_asks_once_waits_there_and_prints_one_line_without_its_newline() {
    let body = json!({"started": false, "profiles": [{"profile": "default", "hops": []}]});
    let (address, served) = agent(http(200, &body));
    let waited = outcome(&["status", "--probe", "--admin-listen", &address], &[]);
    assert_eq!(waited.code, 1);
    assert!(
        waited.stdout.starts_with("default: role ") && !waited.stdout.contains('\n'),
        "{}",
        waited.stdout
    );
    let head = served.join().expect("one request");
    assert!(head.starts_with("GET /status?wait=2"), "{head}");
    // Whichever address it listens on, the agent answers to this name.
    let port = address.rsplit(':').next().expect("a port");
    assert!(
        head.contains(&format!("\r\nHost: localhost:{port}\r\n")),
        "{head}"
    );

    let (address, _) = agent(http(200, &json!({"started": true, "ready": false})));
    let started = outcome(&["status", "--probe", "--admin-listen", &address], &[]);
    assert_eq!((started.code, started.stdout.as_str()), (0, ""));
}

#[test]
fn the_probe_waits_for_an_agent_that_is_not_up_yet() {
    // An address of its own: no other test takes the port while it is free.
    let listen = || TcpListener::bind("127.77.0.1:0").expect("a port");
    let address = listen().local_addr().expect("an address");
    let late = thread::spawn(move || {
        thread::sleep(std::time::Duration::from_millis(250));
        let (mut stream, _) = TcpListener::bind(address)
            .expect("the free port")
            .accept()
            .expect("a request");
        let asked = stream.read(&mut [0; 1024]).expect("a head");
        stream
            .write_all(http(200, &json!({"started": true})).as_bytes())
            .expect("a reader");
        asked
    });
    let started = outcome(
        &["status", "--probe", "--admin-listen", &address.to_string()],
        &[],
    );
    assert_eq!((started.code, started.stdout.as_str()), (0, ""));
    assert!(late.join().expect("one request") > 0);
}

#[test]
fn without_an_agent_status_and_credential_process_exit_69() {
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .to_string();
    let status = outcome(&["status", "--admin-listen", &free], &[]);
    assert_eq!(
        (status.code, status.stderr),
        (69, format!("stsidecar: no agent answers on {free}\n"))
    );
    let variables = [
        ("AWS_REGION", "x"),
        ("STSIDECAR_LISTEN", &free),
        ("STSIDECAR_AUTHORIZATION_TOKEN_FILE", "/token"),
    ];
    assert_eq!(outcome(&["credential-process"], &variables).code, 69);
    let (address, _) = agent("SSH-2.0-OpenSSH\r\n");
    assert_eq!(
        outcome(&["status", "--admin-listen", &address], &[]).code,
        69
    );
}
