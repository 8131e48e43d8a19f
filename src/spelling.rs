//! The name that a typo most likely meant.
//!
//! Owns how near two names are. It knows no names: annotations come from `inject`, variables from
//! `config`. It never corrects anything, which would be a guess; callers name what is near.

/// How many letters must be added, dropped, changed or swapped with their neighbour.
pub use strsim::osa_distance as distance;

/// The one of `allowed` that `word` is a typo of; case, `_`, `.` and `-` make no difference.
#[must_use]
pub fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let word = plain(&word.chars().take(64).collect::<String>());
    allowed
        .iter()
        .map(|right| (distance(&word, &plain(right)), *right))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, right)| *distance <= (right.len() / 3).max(1))
        .map(|(_, right)| right)
}

/// Whether two names differ in no more than case and separators.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_near_and_another_word_is_not() {
        let allowed = ["role-arn", "region", "skip-containers"];
        for (typo, right) in [
            ("role-anr", Some("role-arn")),
            ("rolearn", Some("role-arn")),
            ("ROLE_ARN", Some("role-arn")),
            ("Region", Some("region")),
            ("skip-container", Some("skip-containers")),
            ("colour", None),
        ] {
            assert_eq!(nearest(typo, &allowed), right, "{typo}");
        }
    }
}
