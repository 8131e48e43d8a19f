//! Which items of two lists are the same, so that only what differs between them is edited.
//!
//! Owns that: by name where items have names, as Kubernetes' lists do, else by their whole value.

use serde_json::Value;

use super::yaml;
use crate::inject::CONTAINER;

/// Which item of a list became which one of another; those with one index were removed or added.
pub(super) fn aligned(old: &[Value], new: &[Value]) -> Vec<(Option<usize>, Option<usize>)> {
    if old.len() == new.len() && old.iter().chain(new).all(|item| name(item).is_none()) {
        return (0..old.len()).map(|at| (Some(at), Some(at))).collect();
    }
    let (mut steps, mut one, mut other) = (Vec::new(), 0, 0);
    while one < old.len() || other < new.len() {
        let (before, after) = (old.get(one), new.get(other));
        let to = before.and_then(|own| new[other..].iter().position(|new| is_same(own, new)));
        let from = after.and_then(|own| old[one..].iter().position(|old| is_same(old, own)));
        // What moves further is taken out and put in again; of two that change places, ours: the
        // text of an item that stays keeps its comments.
        let is_ours = before.and_then(name) == Some(CONTAINER);
        let moves = to
            .zip(from)
            .is_some_and(|(to, from)| to > from || (to == from && is_ours));
        let step = match (before, after) {
            (Some(before), Some(after)) if is_same(before, after) => (true, true),
            (Some(before), Some(after)) if to.is_none() && from.is_none() => {
                (true, name(before).is_none() && name(after).is_none())
            }
            (Some(_), _) if to.is_none() || moves => (true, false),
            _ => (false, true),
        };
        steps.push((step.0.then_some(one), step.1.then_some(other)));
        one += usize::from(step.0);
        other += usize::from(step.1);
    }
    steps
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (name(one), name(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

pub(super) fn name(item: &Value) -> Option<&str> {
    yaml::text(item, "name")
}
