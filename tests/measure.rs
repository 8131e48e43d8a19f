//! `make measure` counts what it says: the script's own cases, each on a text
//! that was counted by hand.

#[path = "support/python.rs"]
mod python;

#[test]
fn the_figures_of_a_checkout_are_counted_as_described() {
    python::passes("tools/test_measure.py", &[]);
}
