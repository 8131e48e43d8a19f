//! A message without what changes from one answer to the next, so that equal failures give equal
//! lines.
//!
//! Owns the rules by which a word looks like a time, a number, an id or an address. It shortens
//! nothing and explains nothing. Called by `line`.

/// A word of capitals and digits that is as long is an id, and no name that people know: S3's
/// request ids have 16 of them.
const SHORTEST_ID: usize = 16;

/// The message without the words that differ from one answer to the next: times, numbers, ids of
/// requests and keys, addresses. ARNs, URLs, paths and names such as `eu-central-1` stay.
pub(super) fn steady(message: &str) -> String {
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
    if let Some((_, behind)) = bare.split_once("://") {
        let query = behind.split_once('?').map_or("", |(_, query)| query);
        return digits(query) > 0 || has_id(query);
    }
    if ["arn:", "/"].iter().any(|start| bare.starts_with(start)) {
        return false;
    }
    let named = match bare.rsplit_once(':') {
        Some((host, port)) if (1..=5).contains(&port.len()) && digits(port) == port.len() => host,
        _ => bare,
    };
    let is_name = bare.starts_with(|c: char| c.is_ascii_alphabetic()) && digits(named) <= 3;
    has_id(named) || digits(bare) > 0 && !is_name
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// A name with dots is a host, the same in each answer.
fn has_id(text: &str) -> bool {
    !text.contains('.') && text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_id)
}

/// An id by its looks, also with few digits: letters and digits in turns (`6c9f`), or long without
/// small letters (`TNVQZBXBZQKPHMAB`, `AKIAIOSFODNN7EXAMPLE`). No name of a region or a service is
/// like that.
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

    /// The answer of an STS to a role that trusts another.
    const SAID: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

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
