//! The files of the checkout, as the other modules look at them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// What a build, git, an editor or an interpreter leaves in a checkout.
const NOT_OURS: [&str; 4] = ["target", "__pycache__", "node_modules", "venv"];

/// Every file by its path from the checkout's root; `None` where it is no text.
static FILES: LazyLock<BTreeMap<String, Option<String>>> = LazyLock::new(read);

fn read() -> BTreeMap<String, Option<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            let below_root = path.strip_prefix(root).expect("below the root");
            let name = below_root.to_str().expect("a name in UTF-8").to_owned();
            let last = name.rsplit('/').next().unwrap_or(&name);
            let hidden = last.starts_with('.') && path.is_dir() && last != ".ci";
            if hidden || NOT_OURS.contains(&last) || last == ".git" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(name, fs::read_to_string(&path).ok());
            }
        }
    }
    found
}

/// Every file by its path from the checkout's root.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILES.keys().map(String::as_str)
}

/// Whether the checkout has this file.
pub(crate) fn has_file(path: &str) -> bool {
    FILES.contains_key(path)
}

/// Whether the checkout has this folder.
pub(crate) fn has_folder(path: &str) -> bool {
    let folder = format!("{path}/");
    names().any(|name| name.starts_with(&folder))
}

/// The text of a file of the checkout.
pub(crate) fn text_of(path: &str) -> &'static str {
    let text = FILES.get(path).and_then(Option::as_deref);
    text.unwrap_or_else(|| panic!("{path} is no text of the repository"))
}

/// Every text below a folder (`""` for all of them) by its path from the checkout's root.
pub(crate) fn texts(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = FILES.iter();
    let texts = all.filter_map(|(name, text)| Some((name.as_str(), text.as_deref()?)));
    texts.filter(move |(name, _)| name.starts_with(folder))
}

/// Whether people wrote the file, in words: no recorded data, no output that a test compares.
pub(crate) fn is_written(name: &str) -> bool {
    let kinds = [
        "rs", "py", "md", "toml", "yaml", "tpl", "txt", "sh", "go", "java", "cjs", "mjs", "rb",
    ];
    let last = name.rsplit('/').next().unwrap_or(name);
    let kind = last.rsplit_once('.').map(|(_, kind)| kind);
    let is_data = name.starts_with("tests/fixtures/") || last.contains(".golden");
    let is_page = !name.starts_with("tests/") && kind == Some("json");
    is_page || !is_data && kind.map_or(last != "LICENSE", |kind| kinds.contains(&kind))
}

/// The files of `src` by their paths in it.
pub(crate) fn sources() -> impl Iterator<Item = (&'static str, &'static str)> {
    texts("src/").map(|(name, text)| (&name["src/".len()..], text))
}

/// Whether a file of `src` is a test of the module that it is beside.
pub(crate) fn is_test(file: &str) -> bool {
    file.ends_with("tests.rs") || file.contains("tests/")
}

/// The lines that are code; comments may name what they like.
pub(crate) fn code(text: &str) -> String {
    let lines = text.lines();
    let code: Vec<&str> = lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    code.join("\n")
}
