//! The figures beside their bars, as a table of Markdown.

use std::io::Result;
use std::path::Path;
use std::time::Duration;

use crate::measure::{Idle, Pair, Round};
use crate::servers::Process;

/// Rows in the order of measuring.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 3]>,
    missed: Vec<String>,
}

impl Table {
    fn row(
        &mut self,
        figure: impl Into<String>,
        measured: impl Into<String>,
        bar: impl Into<String>,
    ) {
        self.rows.push([figure.into(), measured.into(), bar.into()]);
    }

    /// A row whose bar depends on nothing but the program.
    fn exact(&mut self, figure: &str, measured: f64, unit: &str, most: f64) {
        let digits = usize::from(most.fract() != 0.0 || most < 100.0);
        self.row(
            figure,
            format!("{measured:.digits$}{unit}"),
            format!("at most {most}{unit}"),
        );
        if measured > most {
            self.missed.push(format!(
                "{figure}: {measured:.2}{unit}, at most {most}{unit}"
            ));
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn sizes(&mut self, binary: &Path, dynamic: Option<&Path>) -> Result<()> {
        self.exact(
            "size of the static binary",
            std::fs::metadata(binary)?.len() as f64,
            " bytes",
            8_500_000.0,
        );
        if let Some(dynamic) = dynamic {
            self.exact(
                "size, linked to glibc",
                std::fs::metadata(dynamic)?.len() as f64,
                " bytes",
                7_000_000.0,
            );
        }
        Ok(())
    }

    pub fn starts(&mut self, starts: &[Duration]) {
        let times = milliseconds(starts);
        let shown = format!(
            "{:.1} ms (median {:.1} ms)",
            quantile(&times, 0.0),
            quantile(&times, 0.5)
        );
        self.row(
            "from exec to the first 200, STS on loopback",
            shown,
            "10 ms and one STS round trip",
        );
    }

    pub fn pairs(&mut self, kind: &str, pairs: &[Pair]) {
        let Medians { agent, bare, ratio } = Medians::of(pairs, |round| round.rate);
        let shown = format!("{:.1} % ({agent:.0} against {bare:.0})", 100.0 * ratio);
        self.row(
            format!("requests/s of bare hyper, {kind}"),
            shown,
            "at least 95 %",
        );
        let Medians { agent, bare, ratio } = Medians::of(pairs, |round| round.cpu * 1e6);
        let shown = format!("{ratio:.3} times ({agent:.1} µs against {bare:.1} µs)");
        self.row(
            format!("processor time of bare hyper, {kind}"),
            shown,
            "at most 1.1 times",
        );
    }

    pub fn paced(&mut self, agent: &[Duration], bare: &[Duration]) {
        let (agent, bare) = (
            quantile(&milliseconds(agent), 0.99),
            quantile(&milliseconds(bare), 0.99),
        );
        let shown = format!("{agent:.3} ms ({bare:.3} ms with bare hyper)");
        self.row(
            "p99 of a warm request at 1,000 requests/s",
            shown,
            "under 1 ms",
        );
    }

    pub fn instructions(&mut self, agent: f64, bare: f64) {
        self.row(
            "instructions for a kept-alive request",
            format!("{agent:.0} against {bare:.0}"),
            "",
        );
        self.exact(
            "more than bare hyper",
            agent - bare,
            " instructions",
            1800.0,
        );
    }

    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn memory(&mut self, when: &str, process: &Process) -> Result<()> {
        self.exact(
            &format!("resident memory, {when}"),
            process.status("VmRSS")? as f64 / 1024.0,
            " MiB",
            8.0,
        );
        self.exact(
            &format!("of it anonymous, {when}"),
            process.status("RssAnon")? as f64 / 1024.0,
            " MiB",
            2.0,
        );
        Ok(())
    }

    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn wake_ups(&mut self, idle: &Idle) {
        let minutes = idle.time.as_secs_f64() / 60.0;
        self.exact(
            &format!("wake-ups, idle for {minutes:.0} min"),
            idle.switches as f64 / minutes,
            " a minute",
            3.0,
        );
    }

    pub fn print(&self) {
        println!("| figure | measured | bar |\n|---|---|---|");
        for [figure, measured, bar] in &self.rows {
            println!("| {figure} | {measured} | {bar} |");
        }
        for missed in &self.missed {
            eprintln!("missed: {missed}");
        }
    }

    pub fn all_met(&self) -> bool {
        self.missed.is_empty()
    }
}

/// Medians over pairs: of each side, and of the agent's share of the bare server in the same pair.
struct Medians {
    agent: f64,
    bare: f64,
    ratio: f64,
}

impl Medians {
    fn of(pairs: &[Pair], figure: fn(&Round) -> f64) -> Self {
        let both: Vec<(f64, f64)> = pairs
            .iter()
            .map(|(agent, bare)| (figure(agent), figure(bare)))
            .collect();
        Self {
            agent: median(both.iter().map(|(agent, _)| *agent)),
            bare: median(both.iter().map(|(_, bare)| *bare)),
            ratio: median(both.iter().map(|(agent, bare)| agent / bare)),
        }
    }
}

fn milliseconds(times: &[Duration]) -> Vec<f64> {
    times
        .iter()
        .map(|time| time.as_secs_f64() * 1000.0)
        .collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(&values.collect::<Vec<_>>(), 0.5)
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
