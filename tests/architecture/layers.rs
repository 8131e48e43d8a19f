//! Layers import downwards only, as the table of ARCHITECTURE.md has them, and each foreign
//! crate has its one place.

use super::repository::{code, is_test, sources, text_of};

/// A foreign crate and the only places that may name it; unit tests in files of
/// their own may look anywhere.
const ONE_PLACE: [(&str, &[&str]); 6] = [
    ("aws_sdk_sts", &["sts/client.rs", "sts/client/"]),
    ("inotify", &["rotated_file/watches.rs"]),
    ("clap", &["cli.rs", "cli/"]),
    (
        "granit_parser",
        &["cli/inject/positions.rs", "config/file/place.rs"],
    ),
    ("prometheus", &["metrics.rs"]),
    ("kube", &["injector.rs", "injector/"]),
];

/// What a surface reads only by what the refresher publishes.
const BEHIND_SURFACES: [&str; 4] = ["sts", "refresher", "rotated_file", "state"];

/// A row of the table.
struct Layer {
    name: &'static str,
    /// Top-level modules; a file of another module's folder that is a layer lower
    /// than its module has a `/`.
    modules: Vec<&'static str>,
    /// Whether its modules may import each other.
    siblings: bool,
}

/// The rows of ARCHITECTURE.md's table, lowest first.
fn table() -> Vec<Layer> {
    let text = text_of("ARCHITECTURE.md");
    let (_, section) = text.split_once("\n## Layers\n").expect("a section Layers");
    let rows = section
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, modules, siblings, _, _] = cells[..] else {
            panic!("ARCHITECTURE.md: a layer has four cells: {row}");
        };
        Layer {
            name,
            modules: modules.split('`').skip(1).step_by(2).collect(),
            siblings: match siblings {
                "yes" => true,
                "no" => false,
                other => {
                    panic!("ARCHITECTURE.md: siblings import each other: yes or no, not {other:?}")
                }
            },
        }
    })
    .collect()
}

fn top_module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

fn layer_of_module(layers: &[Layer], module: &str) -> Option<usize> {
    layers
        .iter()
        .position(|layer| layer.modules.contains(&module))
}

fn layer_of_file(layers: &[Layer], file: &str) -> usize {
    let path = file.trim_end_matches(".rs");
    layer_of_module(layers, path)
        .or_else(|| layer_of_module(layers, top_module(file)))
        .unwrap_or_else(|| panic!("src/{file}: its module is in no layer of ARCHITECTURE.md"))
}

fn first_word(text: &str) -> &str {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Every module that the code of a file names as `crate::module` or `crate::{module, ...}`.
fn imports(layers: &[Layer], text: &str) -> Vec<String> {
    let code = code(text);
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                modules.extend(group.split(',').map(first_word));
            }
            None => modules.push(first_word(rest)),
        }
    }
    modules.retain(|module| layer_of_module(layers, module).is_some());
    modules.into_iter().map(str::to_owned).collect()
}

#[test]
fn layers_import_downwards_only() {
    let layers = table();
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let (own, own_layer) = (top_module(file), layer_of_file(&layers, file));
        for module in imports(&layers, text) {
            let layer = layer_of_module(&layers, &module).expect("an import is of a layer");
            let stranger = layer == own_layer && !layers[layer].siblings;
            if module != own && (layer > own_layer || stranger) {
                let [from, to] = [own_layer, layer].map(|at| layers[at].name);
                wrong.push(format!("src/{file} ({from}) imports {module} ({to})"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that point up or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_module_of_the_table_exists_and_is_in_one_layer() {
    let layers = table();
    let modules: Vec<&str> = layers
        .iter()
        .flat_map(|layer| layer.modules.clone())
        .collect();
    for module in &modules {
        let exists = |(file, _): (&str, &str)| {
            file == format!("{module}.rs") || file.starts_with(&format!("{module}/"))
        };
        assert!(sources().any(exists), "ARCHITECTURE.md: no module {module}");
        let times = modules.iter().filter(|other| *other == module).count();
        assert_eq!(times, 1, "ARCHITECTURE.md: {module} is in two layers");
    }
}

#[test]
fn surfaces_never_reach_the_driver_or_what_it_drives() {
    let layers = table();
    for (file, text) in sources() {
        if Some(layer_of_file(&layers, file)) == layer_of_module(&layers, "endpoint") {
            for module in imports(&layers, text) {
                let behind = BEHIND_SURFACES.contains(&module.as_str());
                assert!(!behind, "src/{file}: a surface imports {module}");
            }
            assert!(
                !code(text).contains("Publisher") || is_test(file),
                "src/{file}: a surface only reads what the refresher publishes"
            );
        }
    }
}

#[test]
fn each_foreign_crate_has_its_one_place() {
    for (file, text) in sources().filter(|(file, _)| !is_test(file)) {
        let code = code(text);
        for (name, places) in ONE_PLACE {
            let in_place = |place: &&str| file.starts_with(place) || file.ends_with(place);
            assert!(
                !code.lines().any(|line| names_crate(line, name)) || places.iter().any(in_place),
                "src/{file} names {name}, which belongs to {places:?}"
            );
        }
    }
}

fn names_crate(line: &str, name: &str) -> bool {
    let contains = |around: [&str; 2]| line.contains(&format!("{}{name}{}", around[0], around[1]));
    let path = contains(["", "::"]) && !contains(["_", "::"]);
    path && !contains(["::", "::"]) || contains(["use ", "::"])
}
