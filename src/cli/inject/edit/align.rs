//! Which items of two lists are the same, so that only what differs between them is edited.
//!
//! Owns that: by name where items have names, as Kubernetes' lists do, else by their whole value.

use serde_json::Value;

use super::yaml;

/// Which item of a list became which one of another; those with one index were removed or added.
pub(super) fn aligned(old: &[Value], new: &[Value]) -> Vec<(Option<usize>, Option<usize>)> {
    if old.len() == new.len() && old.iter().chain(new).all(|item| name(item).is_none()) {
        return (0..old.len()).map(|at| (Some(at), Some(at))).collect();
    }
    let (mut steps, mut one, mut other) = (Vec::new(), 0, 0);
    while one < old.len() || other < new.len() {
        let (before, after) = (old.get(one), new.get(other));
        let goes_on = before.is_some_and(|own| new[other..].iter().any(|new| is_same(own, new)));
        let was_there = after.is_some_and(|own| old[one..].iter().any(|old| is_same(old, own)));
        let step = match (before, after) {
            (Some(before), Some(after)) if is_same(before, after) => (true, true),
            (Some(before), Some(after)) if !goes_on && !was_there => {
                (true, name(before).is_none() && name(after).is_none())
            }
            (Some(_), _) if !goes_on => (true, false),
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
