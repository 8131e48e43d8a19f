//! The table: source by source, what was seen of it.

use std::sync::Mutex;
use std::time::Instant;

use super::case::{self, Case};
use super::cells::{self, COLUMNS, Outcome};

/// Every source, chains, and servers that are not AWS.
const ROWS: [&str; 12] = [
    "webIdentity",
    "saml",
    "sessionToken",
    "federationToken",
    "accessKey with one hop",
    "cognito",
    "chain of 1 hop",
    "chain of 2 hops",
    "chain of 4 hops",
    "Ceph RGW",
    "MinIO",
    "below a path",
];

/// Most of a case is waiting for the next refresh.
const AT_ONCE: usize = 6;

#[test]
fn every_source_does_all_five_things() {
    let cases = case::all();
    let queue = Mutex::new(cases.iter());
    let outcomes: Mutex<Vec<(&Case, Outcome)>> = Mutex::default();
    let begin = Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                loop {
                    let Some(case) = queue.lock().expect("no panic in here").next() else {
                        break;
                    };
                    let started = begin.elapsed().as_secs();
                    let outcome = cells::all(case);
                    println!(
                        "{}: from second {started} to {}",
                        case.name,
                        begin.elapsed().as_secs()
                    );
                    outcomes
                        .lock()
                        .expect("no panic in here")
                        .push((case, outcome));
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().expect("no panic in here");
    println!("{}", table(&outcomes));
    let mut faults: Vec<String> = outcomes
        .iter()
        .flat_map(|(case, outcome)| faults(case, outcome))
        .collect();
    faults.sort();
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    for row in ROWS {
        assert_eq!(
            cases
                .iter()
                .filter(|case| case.row.as_deref() == Some(row))
                .count(),
            1,
            "cases of the row {row}"
        );
    }
}

fn faults(case: &Case, outcome: &Outcome) -> Vec<String> {
    let named = COLUMNS.iter().zip(outcome);
    named
        .filter_map(|(column, cell)| {
            Some(format!("{}, {column}: {}", case.name, cell.as_ref().err()?))
        })
        .collect()
}

fn table(outcomes: &[(&Case, Outcome)]) -> String {
    let line = |cells: Vec<String>| {
        let widths = std::iter::once(22).chain(COLUMNS.iter().map(|column| column.len()));
        let cells: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(
        std::iter::once("source")
            .chain(COLUMNS)
            .map(str::to_owned)
            .collect(),
    );
    for row in ROWS {
        let found = outcomes
            .iter()
            .find(|(case, _)| case.row.as_deref() == Some(row));
        let word =
            |cell: &Result<(), String>| if cell.is_ok() { "pass" } else { "FAILED" }.to_owned();
        let cells = found.map_or_else(
            || vec!["no case".to_owned(); 5],
            |(_, cells)| cells.iter().map(word).collect(),
        );
        text += &line(std::iter::once(row.to_owned()).chain(cells).collect());
    }
    let (parameter_cases, failed): (Vec<_>, Vec<_>) = outcomes
        .iter()
        .filter(|(case, _)| case.row.is_none())
        .partition(|(_, cells)| cells.iter().all(Result::is_ok));
    let counted = (parameter_cases.len(), parameter_cases.len() + failed.len());
    format!(
        "{text}{} of {} further cases of parameters pass",
        counted.0, counted.1
    )
}
