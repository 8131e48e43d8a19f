//! A length of time for people: `52m 10s`.
//!
//! Pure; `status` and `check` show with it what is left and what has passed.

use std::time::Duration;

/// The two largest units: `52m 10s`, `11h 59m`, `1d 3h`.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
    let first = units
        .iter()
        .position(|(unit, _)| seconds >= *unit)
        .unwrap_or(3);
    let mut parts = Vec::new();
    let mut rest = seconds;
    for (unit, letter) in units[first..].iter().take(2) {
        parts.push(format!("{}{letter}", rest / unit));
        rest %= unit;
    }
    parts.retain(|part| !part.starts_with('0') || seconds == 0);
    parts.join(" ")
}

/// The same to the nearest minute, once there is one: for what is known to the second only.
pub(super) fn about(duration: Duration) -> String {
    let seconds = duration.as_secs();
    span(if seconds < 60 {
        duration
    } else {
        Duration::from_secs((seconds + 30) / 60 * 60)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let short = |seconds| span(Duration::from_secs(seconds));
        let shown = [
            short(0),
            short(59),
            short(60),
            short(3_601),
            short(90_000),
            short(86_400 * 3),
        ];
        assert_eq!(shown, ["0s", "59s", "1m", "1h", "1d 1h", "3d"]);
    }
}
