//! The one line that a probe prints, which the kubelet shows as an event of the pod.
//!
//! Owns its form and its limits: what is cut, and what of a message is left out because it changes. The kubelet merges
//! equal events only, and each new text is a new event out of a budget of 25 for each pod
//! (<https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go>). The admin surface and `status`
//! use it.

use super::{middle_cut, safe_line};

/// A line stays below this, in characters: more would be cut in a terminal.
pub const LONGEST_LINE: usize = 199;

/// A name of 63 characters would leave no room for the rest.
const LONGEST_NAME: usize = 40;
/// The longest role that is shown whole, where there is room.
const LONGEST_ROLE: usize = 80;
/// A role gives way to the cause until this much of it is left: account and name can still be read.
const SHORTEST_ROLE: usize = 44;
/// A piece of a cause that is shorter says nothing.
const SHORTEST_CAUSE: usize = 24;
/// A piece of a word up to this length is left out at the end of a cause.
const LONGEST_PIECE: usize = 12;

/// A word of large letters and digits that is as long names nothing that people know: S3's request ids have 16 of them.
const SHORTEST_ID: usize = 16;

/// `<profile>: role <ARN>: <code>: <cause>; <hint>; <end>`.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The profile's name.
    pub profile: &'a str,
    /// Nothing where STS chooses.
    pub role: Option<&'a str>,
    /// STS's code, or ours.
    pub code: &'a str,
    /// STS's message, or ours; may be empty.
    pub cause: &'a str,
    /// What to do; it is cut last.
    pub hint: &'a str,
    /// What becomes of the credentials; may be empty.
    pub end: &'a str,
}

impl Line<'_> {
    /// The line, below 200 characters.
    ///
    /// Hint and end are whole. Where there is no room for everything, the middle of the role is cut first, to what
    /// still tells account and name apart, then the end of the cause.
    #[must_use]
    pub fn text(&self) -> String {
        let part =
            |text: &str, longest| middle_cut(&safe_line(&middle_cut(text, longest)), longest);
        let length = |text: &str| text.chars().count();
        let (profile, code) = (
            part(self.profile, LONGEST_NAME),
            part(self.code, LONGEST_NAME),
        );
        let end = if self.end.is_empty() {
            String::new()
        } else {
            format!("; {}", part(self.end, LONGEST_NAME))
        };
        let frame = length(&profile)
            + ": role ".len()
            + ": ".len()
            + length(&code)
            + ": ".len()
            + length(&end);
        let hint = part(
            self.hint,
            super::hint::LONGEST.min(LONGEST_LINE - frame - SHORTEST_CAUSE),
        );
        let room = LONGEST_LINE - frame - length(&hint);
        let role = part(self.role.unwrap_or("chosen by STS"), LONGEST_ROLE.min(room));
        let least = length(&role).min(SHORTEST_ROLE);
        let cause = begun(
            &steady(&safe_line(self.cause)),
            room.saturating_sub(least + "; ".len()),
        );
        if cause.is_empty() || room < least + "; ".len() + SHORTEST_CAUSE {
            return format!("{profile}: role {role}: {code}: {hint}{end}");
        }
        let role = part(&role, room - "; ".len() - length(&cause));
        format!("{profile}: role {role}: {code}: {cause}; {hint}{end}")
    }
}

/// At most `longest` characters, the end of a longer text replaced by `...`: what is wrong comes first in a message.
fn begun(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(3)).collect();
    // No piece of a word, unless that is most of what there is room for.
    let end = kept
        .rfind(' ')
        .filter(|at| kept.len() - at <= LONGEST_PIECE)
        .unwrap_or(kept.len());
    format!("{}...", kept[..end].trim_end_matches([' ', '.']))
}

/// The message without the words that differ from one answer to the next: times, numbers, ids of requests and keys,
/// addresses. ARNs, URLs, paths and names such as `eu-central-1` stay.
fn steady(message: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in message.split_whitespace() {
        let shown = match (word.starts_with('('), word.ends_with(')')) {
            _ if !changes(word) => word,
            (true, true) => "(...)",
            (true, false) => "(...",
            (false, true) => "...)",
            (false, false) => "...",
        };
        if shown != "..." || words.last() != Some(&"...") {
            words.push(shown);
        }
    }
    words.join(" ")
}

fn changes(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '/');
    let is_port = |text: &str| {
        (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let named = bare
        .rsplit_once(':')
        .filter(|(_, port)| is_port(port))
        .map_or(bare, |(host, _)| host);
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    // A name with dots is a host, the same in each answer.
    let has_id = |text: &str| {
        !text.contains('.') && text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_id)
    };
    if let Some((_, behind)) = bare.split_once("://") {
        return behind
            .split_once('?')
            .is_some_and(|(_, query)| digits(query) > 0 || has_id(query));
    }
    if ["arn:", "/"].iter().any(|start| bare.starts_with(start)) {
        return false;
    }
    let is_name = bare.starts_with(|c: char| c.is_ascii_alphabetic()) && digits(named) <= 3;
    has_id(named) || digits(bare) > 0 && !is_name
}

/// An id by its looks, also with few digits: letters and digits in turns (`6c9f`), or long without small letters
/// (`TNVQZBXBZQKPHMAB`, `AKIAIOSFODNN7EXAMPLE`). No name of a region or a service is like that.
fn is_id(piece: &str) -> bool {
    let bytes = piece.as_bytes();
    let begins =
        |at: usize| bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit());
    let runs = (0..bytes.len()).filter(|at| begins(*at)).count();
    runs > 1 || bytes.len() >= SHORTEST_ID && !bytes.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_changes_from_one_answer_to_the_next_is_left_out() {
        for (message, shown) in [
            (SAID, SAID),
            (
                "Signature expired: 20261128T130000Z is now earlier than 20261128T130500Z",
                "Signature expired: ... is now earlier than ...",
            ),
            (
                "failed (Request ID: f4ce575f-0000-4000-8000-000000000001)",
                "failed (Request ID: ...)",
            ),
            (
                "try again in 37 s, attempt 4",
                "try again in ... s, attempt ...",
            ),
            (
                "10.2.3.4:443 refused it (os error 111)",
                "... refused it (os error ...)",
            ),
            (
                "sts.eu-central-1.amazonaws.com:443 refuses",
                "sts.eu-central-1.amazonaws.com:443 refuses",
            ),
            (
                "at [2001:db8::1]:443 (2026-11-28 13:00:00)",
                "at ... (... ...)",
            ),
            (
                "role \"arn:aws:iam::111122223333:role/app\" in eu-central-1",
                "role \"arn:aws:iam::111122223333:role/app\" in eu-central-1",
            ),
            (
                "https://oidc.eks.eu-west-1.amazonaws.com/id/0A1B2C3D4E5F is unknown",
                "https://oidc.eks.eu-west-1.amazonaws.com/id/0A1B2C3D4E5F is unknown",
            ),
            (
                "/var/run/secrets/0/token is empty",
                "/var/run/secrets/0/token is empty",
            ),
            ("(Request ID: TNV0ZBXB8ZQ6KPHM)", "(Request ID: ...)"),
            ("key ASIAIOSFODNN7EXAMPLE is unknown", "key ... is unknown"),
            ("upstream sts-6c9f-xk2lp said no", "upstream ... said no"),
            (
                "minio.ns-7f3c.svc:9000 refuses connections",
                "minio.ns-7f3c.svc:9000 refuses connections",
            ),
            ("see https://help.example/e?id=TNVZBXBZQKPHM1", "see ..."),
            (
                "x509: not signed, oauth2 on k8s by web-0",
                "x509: not signed, oauth2 on k8s by web-0",
            ),
        ] {
            assert_eq!(steady(message), shown);
        }
    }
}
