//! How long a session `longest` comes to.

use super::cases::lines;
use super::support::fake_sts::Behaviour;
use super::*;

/// What `check` says of `longest` where STS grants up to an hour and refuses longer ones like this.
fn longest(refusal: Option<Behaviour>) -> (Vec<String>, Vec<String>) {
    let (sts, jwt) = (FakeSts::start(), token().jwt());
    match refusal {
        Some(refusal) => sts.set_beyond(3600, refusal),
        None => sts.set_max_session_duration(Some(4 * 3600)),
    }
    let pod = Pod::new(&sts.url(), Some(&jwt));
    let said = lines(&pod, &sts, &jwt, &["--session-duration", "longest"], 0);
    let asked = sts
        .calls()
        .iter()
        .map(|call| call.form["DurationSeconds"].clone())
        .collect();
    (
        said.into_iter()
            .filter(|line| line.contains("longest session"))
            .collect(),
        asked,
    )
}

#[test]
fn longest_is_probed_and_what_the_role_allows_is_said_whatever_the_refusals_words() {
    let (said, asked) = longest(None);
    assert_eq!(
        said,
        ["ok longest session 4h: 12h, 6h are refused (ValidationError)"]
    );
    assert_eq!(asked, ["3600", "43200", "21600", "14400"]);
    for refusal in [
        Behaviour::error(
            400,
            "InvalidArgument",
            "duration must be between 900 and 3600 seconds",
        ),
        Behaviour::error(403, "AccessDenied", "Access Denied"),
    ] {
        let Behaviour::Error { code, .. } = &refusal else {
            unreachable!("made above")
        };
        let expected = format!("ok longest session 1h: 12h, 6h, 4h, 2h are refused ({code})");
        assert_eq!(longest(Some(refusal)).0, [expected]);
    }
    let said = longest(Some(Behaviour::Empty500)).0;
    assert!(
        said[0].starts_with("warning longest session at least 1h: 12h: HttpStatus500: "),
        "{said:?}"
    );
}
