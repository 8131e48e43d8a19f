//! What people's files hold: streams as tools and hands write them, read as kubectl reads them.

use super::stream::{POD, ROLE, inject};

const FLAGS: [&str; 2] = [ROLE, "--region=us-east-1"];

fn pod(name: &str) -> String {
    POD.replace("name: app", &format!("name: {name}"))
}

/// What is printed, as documents: YAML between dashes, or JSON behind JSON.
fn documents(text: &str) -> Vec<serde_json::Value> {
    let json = |text| {
        serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
    };
    let yaml =
        |text| serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let text: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with('%'))
        .collect();
    let text = text.replace('\u{feff}', "");
    let parts = text
        .split("\n---")
        .map(|part| part.trim_start_matches("---"));
    parts
        .flat_map(|part| json(part).unwrap_or_else(|_| yaml(part)))
        .collect()
}

#[test]
fn every_document_of_a_stream_is_found_wherever_yaml_lets_it_begin() {
    let (one, two) = (pod("one"), pod("two"));
    let json = |name: &str| {
        format!(
            r#"{{"kind":"Pod","metadata":{{"name":"{name}"}},"spec":{{"containers":[{{"name":"{name}"}}]}}}}"#
        )
    };
    for (what, stream) in [
        ("dashes", format!("{one}---\n{two}")),
        ("dashes with a comment", format!("{one}--- # two\n{two}")),
        ("dashes and a value", format!("{one}--- {}\n", json("two"))),
        ("an end and dashes", format!("{one}...\n---\n{two}")),
        ("an end alone", format!("{one}...\n{two}")),
        (
            "an end with a comment",
            format!("{one}... # one\n# two\n{two}"),
        ),
        (
            "a directive",
            format!("%YAML 1.1\n---\n{one}...\n%YAML 1.2\n---\n{two}"),
        ),
        (
            "a byte order mark before the second",
            format!("{one}\u{feff}---\n{two}"),
        ),
        (
            "a byte order mark behind the dashes",
            format!("{one}---\n\u{feff}{two}"),
        ),
        (
            "empty documents",
            format!("---\n---\n\n--- # c\n{one}---\n# c\n---\n---\n{two}---\n"),
        ),
        ("CRLF", format!("{one}---\n{two}").replace('\n', "\r\n")),
        (
            "JSON behind JSON",
            format!("{}\n{}\n", json("one"), json("two")),
        ),
        (
            "JSON behind JSON, on a line",
            format!("{}{}", json("one"), json("two")),
        ),
        (
            "JSON behind dashes",
            format!(
                "---\n{}\n---\n{}\n{}\n",
                json("one"),
                json("two"),
                "{\"kind\": \"X\"}"
            ),
        ),
        ("JSON, then YAML", format!("{}\n---\n{two}", json("one"))),
    ] {
        let outcome = inject(&FLAGS, &stream, "");
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (0, ""),
            "{what}:\n{stream}"
        );
        let printed = documents(&outcome.stdout);
        let pods: Vec<_> = printed
            .iter()
            .filter(|object| object["kind"] == "Pod")
            .collect();
        let names: Vec<_> = pods
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(names, ["one", "two"], "{what}:\n{}", outcome.stdout);
        let is_injected =
            |pod: &&serde_json::Value| pod["spec"]["initContainers"][0]["name"] == "stsidecar";
        assert!(pods.iter().all(is_injected), "{what}:\n{}", outcome.stdout);
        let again = inject(&FLAGS, &outcome.stdout, "");
        assert_eq!(
            (again.code, again.stdout),
            (0, outcome.stdout),
            "{what}: injecting twice is injecting once"
        );
    }
}

#[test]
fn json_stays_json_in_its_own_form() {
    let line = r#"{"kind":"Pod","spec":{"containers":[{"name":"a"}],"weight":1.50,"big":12345678901234567890}}"#;
    let lines = "{\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"weight\": 1.50,\n\t\t\"big\": \
                 12345678901234567890,\n\t\t\"containers\": [\n\t\t\t{\n\t\t\t\t\"name\": \"a\"\n\t\t\t}\n\t\t]\n\t}\n}";
    for (form, kept, added) in [
        (
            line.to_owned(),
            r#""weight":1.50,"big":12345678901234567890,"#,
            r#"{"containers":[{"name":"a","env":[{"name":"AWS_"#,
        ),
        (
            line.replace(':', ": ").replace(',', ", "),
            r#""weight": 1.50, "big": 12345678901234567890, "#,
            r#"{"containers": [{"name": "a", "env": [{"name": "AWS_"#,
        ),
        (
            lines.to_owned(),
            "\n\t\t\"weight\": 1.50,\n",
            "\t\t\t\t\"name\": \"a\",\n\t\t\t\t\"env\": [\n\t\t\t\t\t{\n\t\t\t\t\t\t\"name\": \"AWS_",
        ),
        (
            lines.replace('\t', "    "),
            "\n        \"weight\": 1.50,\n",
            "                \"name\": \"a\",\n                \"env\": [\n                    {\n",
        ),
    ] {
        let outcome = inject(&FLAGS, &format!("{form}\n"), "");
        for part in [kept, added] {
            assert!(outcome.stdout.contains(part), "{part}\n{}", outcome.stdout);
        }
        assert!(outcome.stdout.ends_with("}\n"), "{}", outcome.stdout);
        let read: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        assert_eq!(read["spec"]["weight"], 1.5);
        assert_eq!(read["spec"]["big"], 12_345_678_901_234_567_890_u64);
    }
}

#[test]
fn comments_around_a_document_stay() {
    let stream = format!(
        "# first\n---\n# Source: a.yaml\n\n{}# Source: b.yaml\n\n---\n# c\n",
        pod("one")
    );
    let printed = inject(&FLAGS, &stream, "").stdout;
    assert!(
        printed.starts_with("# first\n---\n# Source: a.yaml\n\napiVersion: v1\n"),
        "{printed}"
    );
    assert!(
        printed.ends_with("\n# Source: b.yaml\n\n---\n# c\n"),
        "{printed}"
    );
    let text = "kind: Pod\nspec:\n  containers: [{name: a}]\ndata: |+\n  a\n\n  # b\n\n";
    let printed = documents(&inject(&FLAGS, text, "").stdout);
    assert_eq!(printed[0]["data"], "a\n\n# b\n\n");
}

#[test]
fn an_error_names_the_file_the_document_and_the_line_in_the_file() {
    for (stream, said) in [
        (
            "a: 1\n---\nb: [1\n---\nc: 1\nc: 2\n",
            vec![
                "stsidecar: standard input: document 2: unclosed bracket '[' at line 3, column 4",
                "stsidecar: standard input: document 3: duplicate mapping key `c` is not allowed here at line 6, column 1",
            ],
        ),
        (
            "a: 1\n---\n\n# c\nkind: Pod\nspec:\n\tx: 1\n",
            vec!["stsidecar: standard input: document 2: tabs disallowed"],
        ),
        (
            "a: 1\n---\n{\"a\": 1,\n\"b\": 2, \"b\": 3}\n",
            vec![
                "stsidecar: standard input: document 2: duplicate mapping key `b` is not allowed here at line 4",
            ],
        ),
        (
            "a: 1\n---\nname: {{ .Values.name }}\n",
            vec![
                "stsidecar: standard input: document 2: a key must be a text at line 3, column 7; it looks like a template \
             that was not rendered (line 3 has {{): render it first, such as by helm template",
            ],
        ),
        (
            "{{- if .Values.enabled }}\na: 1\n{{- end }}\n",
            vec![
                "stsidecar: standard input: document 1: \"-\" is only valid inside a block at line 1, column 3; it looks like a \
             template that was not rendered (line 1 has {{): render it first, such as by helm template",
            ],
        ),
        (
            "a: 1\n{% if x %}\nb: 2\n",
            vec!["stsidecar: standard input: document 1: "],
        ),
    ] {
        let outcome = inject(&FLAGS, stream, "");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{stream}");
        let lines: Vec<_> = outcome.stderr.lines().collect();
        assert_eq!(lines.len(), said.len(), "{}", outcome.stderr);
        for (line, said) in lines.iter().zip(said) {
            assert!(line.starts_with(said), "{line}\n{said}");
        }
    }
    let outcome = inject(&["-f", "values.yaml"], "", "a: [");
    assert!(
        outcome
            .stderr
            .starts_with("stsidecar: values.yaml: document 1: "),
        "{}",
        outcome.stderr
    );
    let quoted = "kind: X\nexpr: '{{ $labels.pod }}'\n";
    assert_eq!(inject(&FLAGS, quoted, "").stdout, quoted);
}

#[test]
fn keys_that_are_no_texts_stay_as_they_are_written() {
    let keys = "{80: a, on: b, 1.50: c, 0644: d, 0x10: e, 1e3: f, n: g, 1e6: h, .00001: i}";
    let stream = format!("kind: Pod\nspec:\n  x: {keys}\n  containers: [{{name: a}}]\n");
    let outcome = inject(&FLAGS, &stream, "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(outcome.stdout.contains(keys), "{}", outcome.stdout);
}

#[test]
fn anchors_and_merges_stay_where_nothing_of_ours_is_in_them() {
    let start = "# c\nkind: Pod\nspec:\n  base: &base {a: 1, b: 2}\n  one: {<<: *base, a: 3}\n";
    let beside = format!(
        "{start}  containers:\n  - name: &n app\n    args: &args [x]\n  - {{name: other, args: *args}}\n  copy: *n\n"
    );
    let outcome = inject(&FLAGS, &beside, "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let spec = &documents(&outcome.stdout)[0]["spec"];
    assert_eq!(spec["one"], serde_json::json!({ "a": 3, "b": 2 }));
    assert!(outcome.stdout.starts_with(start), "{}", outcome.stdout);
    // What both containers get is written into both.
    let both = format!("{start}  containers:\n  - &c {{name: app}}\n  - {{<<: *c, name: other}}\n");
    let outcome = inject(&FLAGS, &both, "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert!(
        outcome.stdout.contains("\n  - {<<: *c, name: other, env: "),
        "{}",
        outcome.stdout
    );
    let containers = &documents(&outcome.stdout)[0]["spec"]["containers"];
    assert_eq!(containers[0]["env"], containers[1]["env"]);
    for (rest, name) in [
        (
            "  containers: [{name: app}]\nmetadata: {labels: &l {a: b}}\ncopy: *l\n",
            "&l at line 7",
        ),
        (
            "  containers: [{name: app}]\ncopy: &l {a: b}\nmetadata: {labels: *l}\n",
            "*l at line 8",
        ),
        (
            "  containers: [{name: app}]\ncopy: &m {labels: {a: b}}\nmetadata: {<<: *m}\n",
            "<<: *m at line 8",
        ),
    ] {
        let outcome = inject(&FLAGS, &format!("{start}{rest}"), "");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{rest}");
        let said = format!(
            "stsidecar: the document at line 1: the sidecar would change what {name} shares with other places: write \
             its content out there, or let the webhook inject this workload\n"
        );
        assert_eq!(outcome.stderr, said, "{rest}");
    }
}

#[test]
fn quoted_texts_may_go_on_at_the_column_of_their_list() {
    // So go-yaml, which kubectl reads with, has folded them in the definitions that Istio ships.
    let folded = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  columns:\n  \
                  - description: 'when it was\n  created, it''s so.\n\n  More: see #1'\n    jsonPath: .a\n";
    let outcome = inject(&FLAGS, folded, "");
    assert_eq!(
        (
            outcome.code,
            outcome.stderr.as_str(),
            outcome.stdout.as_str()
        ),
        (0, "", folded)
    );
    let stream = "kind: Pod\nspec:\n  containers:\n  - name: a\n    args:\n    - 'one\n    two'\n    - \"three\n    - \\\"four \\\n    \
                  five\"\n    -\n      'six\n    seven' # 'eight\n    - |\n      'nine\n    - plain\n      'tis\n    - it's\n    \
                  - &x \"ten\n    eleven\"\n    - key: 'x\n    y'\n      \"other\": \"z\n    z\"\n";
    let outcome = inject(&FLAGS, stream, "");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let (before, ours) = outcome
        .stdout
        .split_once("    env:\n")
        .expect("ours follows");
    let kept = |text: &str| text.split_once("spec:\n").map(|(_, spec)| spec.to_owned());
    assert_eq!(kept(before), kept(stream));
    assert!(ours.contains("name: stsidecar\n"), "{ours}");
}
