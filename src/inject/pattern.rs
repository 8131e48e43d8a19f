//! Patterns of the operator's lists of roles and namespaces.
//!
//! Owns their meaning: `*` is any text, `?` any character, and a pattern is always the whole of
//! what it matches, so that `admin` does not allow `not-admin-x`.

/// Whether `pattern`, in which `*` is any text and `?` any character, is the whole of `text`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_are_anchored_at_both_ends() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("team-*", "team-a", true),
            ("admin", "not-admin-x", false),
            ("arn:*:role/app-?", "arn:aws:iam::1:role/app-1", true),
            ("arn:*:role/app-?", "arn:aws:iam::1:role/app-12", false),
            ("*a*b*", "xxaxxbxx", true),
            ("a*", "ba", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
