//! `POST /retry`: who may ask, how often, and what is said of the outcome.

use super::*;
use crate::report::Retry;

impl Agent {
    pub(super) async fn post(
        &self,
        target: &str,
        lines: &[(&'static str, &'static str)],
    ) -> (u16, HeaderMap, String) {
        let mut headers =
            HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("localhost"))]);
        for (name, value) in lines {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let peer = Connection::from_peer(IpAddr::from([127, 0, 0, 1]));
        let reply = self.surface.route(
            &Method::POST,
            &target.parse().expect("a target"),
            &headers,
            &peer,
        );
        let response = reply.await.expect("infallible");
        let headers = response.headers().clone();
        let (status, body) = read(ResponseFuture::now(response)).await;
        (status, headers, body)
    }

    /// What the refresher of the profile `at` reports.
    fn reports(&self, at: usize, retry: Retry, error: Option<ErrorReport>) {
        self.reports[at].send_modify(|report| (report.retry, report.last_error) = (retry, error));
    }
}

fn failing(taken: u64) -> Retry {
    Retry {
        taken,
        was_failing: true,
        is_calling: true,
        ..Retry::default()
    }
}

fn outcomes(document: &str) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
    let retries = document["retries"].as_array().expect("a list");
    retries
        .iter()
        .map(|retry| format!("{}={}", retry["profile"], retry["outcome"]).replace('"', ""))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_profile_says_what_became_of_it_and_the_wait_is_bounded() {
    let agent = agent(&["done", "again", "well", "hangs", "gone"], true);
    agent.reports(
        0,
        Retry {
            is_calling: false,
            ..failing(1)
        },
        None,
    );
    agent.reports(
        1,
        Retry {
            is_calling: false,
            failures: 1,
            ..failing(1)
        },
        Some(denied()),
    );
    agent.reports(
        2,
        Retry {
            taken: 1,
            ..Retry::default()
        },
        None,
    );
    agent.reports(3, failing(1), Some(denied()));
    let start = tokio::time::Instant::now();
    let (status, _, body) = agent.post("/retry?wait=9999", &[]).await;
    assert_eq!(status, 200);
    assert!(
        start.elapsed().abs_diff(LONGEST_WAIT) < Duration::from_millis(10),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        outcomes(&body),
        [
            "done=refreshed",
            "again=failed",
            "well=nothingToRetry",
            "hangs=pending",
            "gone=pending"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_answer_comes_as_soon_as_the_last_of_them_is_over() {
    let agent = Arc::new(agent(&["one", "two"], true));
    let asking = Arc::clone(&agent);
    let asked = tokio::spawn(async move { asking.post("/retry?wait=25", &[]).await.2 });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        *agent.surface.admin.profiles[0].retries.borrow(),
        1,
        "the refresher is asked"
    );
    agent.reports(0, failing(1), Some(denied()));
    agent.reports(
        1,
        Retry {
            taken: 1,
            ..Retry::default()
        },
        None,
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!asked.is_finished(), "a call is under way");
    agent.reports(
        0,
        Retry {
            is_calling: false,
            waited_for_budget: true,
            ..failing(1)
        },
        None,
    );
    let body = asked.await.expect("no panic");
    assert_eq!(outcomes(&body), ["one=refreshed", "two=nothingToRetry"]);
    assert!(
        body.contains(r#"{"profile":"one","outcome":"refreshed","waitedForBudget":true}"#),
        "{body}"
    );
}

#[tokio::test]
async fn one_retry_in_ten_seconds_is_taken_and_refusals_take_no_turn() {
    let agent = agent(&["default"], true);
    for lines in [
        [("origin", "https://evil.example")],
        [("referer", "https://evil.example/")],
        [("cookie", "a=b")],
        [("sec-fetch-site", "cross-site")],
        [("x-forwarded-for", "10.0.0.7")],
        [("host", "evil.example")],
    ] {
        assert_eq!(agent.post("/retry", &lines).await.0, 403, "{lines:?}");
    }
    assert_eq!(
        agent.post("/retry", &[("content-length", "5")]).await.0,
        400
    );
    assert_eq!(
        agent
            .post("/retry", &[("transfer-encoding", "chunked")])
            .await
            .0,
        400
    );
    assert_eq!(agent.post("/retry?wait=soon", &[]).await.0, 400);
    let (status, _, body) = agent.post("/retry?profile=other", &[]).await;
    assert_eq!(
        (status, body.as_str()),
        (404, "no such profile; there are: default\n")
    );
    assert_eq!(*agent.surface.admin.profiles[0].retries.borrow(), 0);

    // Every `fetch` of Node.js sends the first of these.
    assert_eq!(
        agent
            .post(
                "/retry",
                &[("sec-fetch-mode", "cors"), ("content-length", "0")]
            )
            .await
            .0,
        200
    );
    let (status, headers, body) = agent.post("/retry", &[]).await;
    assert_eq!(
        (status, body.as_str()),
        (429, "one retry in 10 s is taken; ask again in 10 s\n")
    );
    assert_eq!(headers[http::header::RETRY_AFTER], "10");
    assert_eq!(*agent.surface.admin.profiles[0].retries.borrow(), 1);
}

#[tokio::test]
async fn a_profile_may_be_named_and_a_retry_is_no_get() {
    let agent = agent(&["one", "two"], true);
    let (status, _, body) = agent.post("/retry?profile=two", &[]).await;
    assert_eq!(
        (status, outcomes(&body)),
        (200, vec!["two=pending".to_owned()])
    );
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        let response = agent
            .reply(&method, "/retry", "::1")
            .await
            .expect("infallible");
        assert_eq!(
            (
                response.status().as_u16(),
                response.headers()[ALLOW].as_bytes()
            ),
            (405, &b"POST"[..]),
            "{method}"
        );
    }
    let (status, text) = read(agent.reply(&Method::POST, "/retry", "10.0.0.7")).await;
    assert_eq!(status, 403, "{text}");
}
