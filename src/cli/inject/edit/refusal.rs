//! Why a text cannot be changed in place.
//!
//! Owns the words, and which merges mean two things. It edits nothing. `edit` calls it.

use crate::cli::inject::positions::{Node, Part, Shape};

/// Why a text cannot be changed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(in crate::cli::inject) enum Refusal {
    #[error(
        "the sidecar would change what {name} at line {line} shares with other places: write its content out there, \
         or let the webhook inject this workload"
    )]
    Shared { name: String, line: usize },
    #[error(
        "the merge << at line {line} is below keys of its map, which it replaces for kubectl and not for other readers: \
         put it above them"
    )]
    LateMerge { line: usize },
    #[error(
        "its text cannot be changed in place: write it as kubectl get -o yaml prints it, or let the webhook inject \
         this workload"
    )]
    Impossible,
}

impl Refusal {
    /// The same, with lines counted from further above.
    pub(in crate::cli::inject) fn below(self, lines: usize) -> Self {
        match self {
            Self::Shared { name, line } => Self::Shared {
                name,
                line: line + lines,
            },
            Self::LateMerge { line } => Self::LateMerge { line: line + lines },
            Self::Impossible => self,
        }
    }
}

/// For kubectl a merge is over the keys above it (`func (d *decoder) merge` in
/// <https://github.com/go-yaml/yaml/blob/v2/decode.go>), for readers of YAML 1.1's own words never:
/// what was decided for the one would be wrong for the other.
pub(super) fn refuse_late_merges(text: &str, node: &Node) -> Result<(), Refusal> {
    let (Shape::Block(parts) | Shape::Flow(parts)) = &node.shape else {
        return Ok(());
    };
    let is_merge = |part: &&Part| text[part.start..].starts_with("<<") && part.key.is_some();
    if let Some(late) = parts.iter().skip_while(is_merge).find(is_merge) {
        let line = 1 + text[..late.start].matches('\n').count();
        return Err(Refusal::LateMerge { line });
    }
    parts
        .iter()
        .try_for_each(|part| refuse_late_merges(text, &part.value))
}
