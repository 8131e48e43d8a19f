//! What the agent links stays small and known.

use std::collections::BTreeSet;
use std::process::Command;

use super::repository::{code, sources};

/// Every crate of the agent multiplies what an operator must trust; h2 is there
/// as the SDK's client only.
const MOST_CRATES: usize = 185;

#[test]
fn the_agent_stays_small_in_what_it_links() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--no-default-features",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let text = String::from_utf8(tree.stdout).expect("text");
    let crates: BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    assert!(
        crates.len() <= MOST_CRATES,
        "{} crates; the agent is allowed {MOST_CRATES}",
        crates.len()
    );
    for banned in [
        "kube",
        "k8s-openapi",
        "rcgen",
        "openssl",
        "aws-lc-rs",
        "aws-config",
        "chrono",
    ] {
        let found = crates
            .iter()
            .find(|line| line.split(' ').next() == Some(banned));
        assert!(found.is_none(), "the agent links {banned}");
    }
    for (file, text) in sources() {
        let code = code(text);
        assert!(
            !code.contains("server::conn::http2") && !code.contains("server::conn::auto"),
            "src/{file} serves HTTP/2"
        );
    }
}
