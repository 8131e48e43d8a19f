//! What is cut of a line, and what never is.

use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const HINT: &str = "check the role ARN, and that its trust policy allows this service account";
const SAID: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

fn line() -> Line<'static> {
    Line {
        profile: "default",
        role: Some(ROLE),
        code: "AccessDenied",
        cause: SAID,
        hint: HINT,
        end: "",
    }
}

#[test]
fn an_ordinary_line_is_whole() {
    assert_eq!(
        line().text(),
        format!("default: role {ROLE}: AccessDenied: {SAID}; {HINT}")
    );
    let bare = Line {
        role: None,
        cause: "",
        ..line()
    };
    assert_eq!(
        bare.text(),
        format!("default: role chosen by STS: AccessDenied: {HINT}")
    );
}

#[test]
fn role_and_cause_give_way_and_hint_and_end_do_not() {
    let end = "credentials end 2026-11-28T14:00:00Z";
    let long = Line {
        role: Some("arn:aws:iam::111122223333:role/platform/team-a/orders-service-prod"),
        end,
        ..line()
    };
    let text = long.text();
    assert!(
        text.chars().count() <= LONGEST_LINE && text.ends_with(&format!("{HINT}; {end}")),
        "{text}"
    );
    assert!(
        text.contains(": role arn:aws:iam::1111")
            && text.contains("rvice-prod: AccessDenied: check"),
        "{text}"
    );
    let text = Line { end: "", ..long }.text();
    assert!(
        text.contains("rvice-prod: AccessDenied: Not authorized to")
            && text.contains("WithWeb...; check"),
        "{text}"
    );
}

#[test]
fn the_line_is_short_and_single_whatever_it_is_given() {
    let (long, role) = (
        "x".repeat(2000),
        format!("arn:aws:iam::111122223333:role/{}end", "x".repeat(2000)),
    );
    for end in ["", &long] {
        let line = Line {
            profile: &long,
            role: Some(&role),
            code: &long,
            cause: &long,
            hint: &long,
            end,
        };
        assert!(
            line.text().chars().count() <= LONGEST_LINE,
            "{}",
            line.text()
        );
    }
    let short = Line {
        role: Some(&role),
        cause: "",
        hint: "do something",
        ..line()
    }
    .text();
    let role = short
        .split(": ")
        .nth(1)
        .expect("the role's part")
        .trim_start_matches("role ");
    assert_eq!(role.chars().count(), LONGEST_ROLE, "{short}");
    assert!(
        role.starts_with("arn:aws:iam::111122223333:role/") && role.ends_with("end"),
        "{short}"
    );
    let odd = Line {
        profile: "a\nb",
        role: Some("r\r\nx"),
        code: "c\u{2028}",
        cause: "s\u{7}",
        hint: "h\0",
        end: "\n",
    };
    assert!(!odd.text().chars().any(char::is_control), "{}", odd.text());
}
