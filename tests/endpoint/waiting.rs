//! Requests while there are no credentials: how long they wait, and what they get then.

use super::*;

#[test]
fn the_first_request_waits_until_credentials_come() {
    let endpoint = run_on(
        vec![listener()],
        &refused(503, "NotYet"),
        Limits::new(64),
        BOUND,
    );
    let mut stream = endpoint.connect();
    let head = format!(
        "GET /v1/credentials HTTP/1.0\r\nhost: localhost\r\nauthorization: {TOKEN}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("open");
    let start = Instant::now();
    while endpoint.activity.busy() == 0 {
        assert!(start.elapsed() < BOUND, "never busy");
        std::thread::sleep(Duration::from_millis(1));
    }
    endpoint.app.publish(credentials(BODY));
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.ends_with(BODY), "{text}");
    assert!(
        start.elapsed() < BOUND,
        "{:?}: held to the end",
        start.elapsed()
    );
    let start = Instant::now();
    while endpoint.activity.busy() != 0 {
        assert!(start.elapsed() < BOUND, "always busy");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// RFC 9293, section 3.6: a client may close its sending side and still read (`nc -N`, scripts with
/// sockets).
#[test]
fn without_credentials_the_answer_is_503_after_the_hold_and_a_permanent_403_at_once() {
    let endpoint = run(&refused(503, "IDPCommunicationError"));
    let took = || {
        let start = Instant::now();
        let answer = endpoint.ask("GET", "/v1/credentials", TOKEN, "");
        assert_eq!(status(&answer), "503");
        assert!(
            answer.contains("\"Code\":\"IDPCommunicationError\""),
            "{answer}"
        );
        start.elapsed()
    };
    // Until one is in time for an SDK that waits for a second, because other programs run here too.
    let start = Instant::now();
    loop {
        let took = took();
        assert!(took >= HOLD && start.elapsed() < BOUND, "{took:?}");
        if took < Duration::from_millis(950) {
            break;
        }
    }

    let endpoint = run_on(
        vec![listener()],
        &refused(503, "IDPCommunicationError"),
        Limits::new(64),
        BOUND,
    );
    endpoint.app.publish(refused(403, "AccessDenied"));
    let start = Instant::now();
    let answer = endpoint.ask("GET", "/v1/credentials", TOKEN, "");
    assert_eq!(status(&answer), "403");
    assert!(answer.contains("\"Code\":\"AccessDenied\""), "{answer}");
    assert!(start.elapsed() < BOUND, "{:?}: held", start.elapsed());
}

#[test]
fn whatever_status_is_published_a_credential_problem_is_never_404_or_429() {
    let endpoint = run_on(
        vec![listener()],
        &refused(503, "x"),
        Limits::new(8),
        Duration::from_millis(1),
    );
    for published in [404, 429, 200, 0, 65_535] {
        endpoint.app.publish(refused(published, "Odd"));
        assert_eq!(
            status(&endpoint.ask("GET", "/v1/credentials", TOKEN, "")),
            "503",
            "{published}"
        );
    }
}
