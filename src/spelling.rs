//! The name that a typo most likely meant.
//!
//! Owns how near two names are. It knows no names: annotations come from `inject`, variables from `config`. It
//! never corrects anything, which would be a guess; callers name what is near.

/// The one of `allowed` that `word` is a typo of; case, `_`, `.` and `-` make no difference.
#[must_use]
pub fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let word = plain(&word.chars().take(64).collect::<String>());
    let scored = allowed
        .iter()
        .map(|right| (distance(&word, &plain(right)), *right));
    scored
        .min_by_key(|(distance, _)| *distance)
        .filter(|(d, right)| *d <= (right.len() / 3).max(1))
        .map(|(_, r)| r)
}

/// Whether two names differ in no more than case and separators.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace(['_', '.'], "-")
}

/// How many letters must be added, dropped, changed or swapped with their neighbour.
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
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
        assert_eq!(
            (
                distance("abcd", "acbd"),
                distance("abcd", "bd"),
                distance("", "ab")
            ),
            (1, 2, 2)
        );
    }
}
