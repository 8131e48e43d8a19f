//! The one line that a probe prints, which the kubelet shows as an event of the pod.
//!
//! Owns its form and its limits: what is cut, and what of a message is left out because it changes.
//! The kubelet merges equal events only, and each new text is a new event out of a budget of 25 for
//! each pod (<https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go>).
//! The admin surface and `status` use it.

mod steady;

use super::{middle_cut, safe_line};
use steady::steady;

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
    /// Hint and end are whole. Where there is no room for everything, the middle of the role is cut
    /// first, to what still shows account and name, then the end of the cause.
    #[must_use]
    pub fn text(&self) -> String {
        let profile = part(self.profile, LONGEST_NAME);
        let code = part(self.code, LONGEST_NAME);
        let end = if self.end.is_empty() {
            String::new()
        } else {
            format!("; {}", part(self.end, LONGEST_NAME))
        };
        let frame = length(&format!("{profile}: role : {code}: {end}"));
        let most = LONGEST_LINE - frame - SHORTEST_CAUSE;
        let hint = part(self.hint, super::hint::LONGEST.min(most));
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

/// A text of one line, at most `longest` characters; the middle of a longer one is cut.
fn part(text: &str, longest: usize) -> String {
    middle_cut(&safe_line(&middle_cut(text, longest)), longest)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// At most `longest` characters, the end of a longer text replaced by `...`: what is wrong comes
/// first in a message.
fn begun(text: &str, longest: usize) -> String {
    if length(text) <= longest {
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

#[cfg(test)]
mod tests;
