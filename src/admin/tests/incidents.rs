//! What the kubelet's incident probe is answered over the surface.

use super::*;
use crate::report::IncidentReport;

#[tokio::test]
async fn a_line_for_the_pods_events_is_handed_out_once_and_to_this_pod_only() {
    let agent = agent(&["default"], true);
    let ask = async |peer: &str, target: &str| read(agent.reply(&Method::POST, target, peer)).await;
    let target = "/incident?period=300";
    assert_eq!(ask("::1", target).await, (200, String::new()));
    let incident = IncidentReport::default();
    agent.reports[0].send_modify(|report| {
        (report.incident, report.last_error) = (Some(incident), Some(denied()));
    });
    assert_eq!(ask("10.0.0.7", target).await.0, 403);
    for (bad, status) in [("/incident", 400), ("/incident?period=soon", 400)] {
        assert_eq!(ask("::1", bad).await.0, status, "{bad}");
    }
    let refused = agent
        .reply(&Method::GET, target, "::1")
        .await
        .expect("infallible");
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()[ALLOW]),
        (405, &HeaderValue::from_static("POST"))
    );
    let (status, line) = ask("::1", target).await;
    assert!(
        status == 200 && line.contains("AccessDenied") && line.ends_with("; no credentials"),
        "{line}"
    );
    assert_eq!(ask("::1", target).await, (200, String::new()));
}

#[tokio::test]
async fn an_agent_that_is_ending_has_nothing_for_the_pods_events() {
    let agent = agent(&["default"], true);
    agent.reports[0].send_modify(|report| report.incident = Some(IncidentReport::default()));
    agent.draining.send_replace(true);
    let answer = read(agent.reply(&Method::POST, "/incident?period=300", "::1")).await;
    assert_eq!(answer, (200, String::new()));
}

/// A page can send a POST to a port that `kubectl port-forward` opened, and would take the line
/// from the kubelet.
#[tokio::test]
async fn a_page_in_a_browser_takes_no_line() {
    let agent = agent(&["default"], true);
    let incident = IncidentReport::default();
    agent.reports[0].send_modify(|report| {
        (report.incident, report.last_error) = (Some(incident), Some(denied()));
    });
    for (name, value, status) in [
        ("origin", "https://evil.example", 403),
        ("referer", "https://evil.example/", 403),
        ("cookie", "a=b", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("content-length", "5", 400),
        ("transfer-encoding", "chunked", 400),
    ] {
        let (answered, _, body) = agent.post("/incident?period=300", &[(name, value)]).await;
        assert_eq!(
            (answered, body.contains("AccessDenied")),
            (status, false),
            "{name}: {body}"
        );
    }
    let (status, _, line) = agent
        .post("/incident?period=300", &[("content-length", "0")])
        .await;
    assert!(status == 200 && line.contains("AccessDenied"), "{line}");
}
