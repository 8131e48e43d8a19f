#!/usr/bin/env python3
"""What measure.py reads as code, comment, test, function and public item, each on a text that was counted by hand."""

import pathlib
import subprocess
import tempfile
import unittest

import measure

EVERY_TOKEN = r'''//! Inner documentation.

/// Outer, with a link: <https://www.rfc-editor.org/rfc/rfc7519>.
pub fn tokens<'a>(text: &'a str) -> bool {
    let quote = '"'; // ordinary, behind code
    let tick = '\'';
    /* a block /* in a block */
       fn never() {} */
    let raw = r#"a " quote // no comment
        fn text() {} /*
    "#;
    let bytes = b"\"{"; //// four slashes are no documentation
    let brace = '{';
    let length = |name: &str| name.len();
    let mut grow = move |by: usize| length(raw) + by;
    text == "http://example.com/" || grow(1) > 2 || quote < tick || bytes.is_empty() || brace == 'a'
}
'''

UNIT_TESTS = '''pub struct Shown {
    /// Documented.
    pub first: u8,
    pub second: u8,
    #[cfg(test)]
    pub third: u8,
}

#[must_use]
#[doc = "Documented by an attribute, behind another."]
pub const fn shown() -> [u8; { 1 + 1 }] {
    [1, 2]
}

#[cfg(test)]
mod tests {
    fn not_counted() {}
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(not(test))]
mod real;

/// Documented.
#[derive(Debug)]
pub(crate) enum Private {}
'''


def source(text, path="src/lib.rs"):
    return measure.Source(path, text)


def figures(files):
    src, everything = measure.measure(files)
    return src.rows(), everything.rows()


class Reading(unittest.TestCase):
    def test_literals_and_comments_hide_what_is_in_them(self):
        read = source(EVERY_TOKEN)
        self.assertEqual([function.name for _, function in read.functions()], ["tokens"])
        self.assertEqual([comment.doc for comment in read.comments], ["inner", "outer", "", "", ""])
        self.assertEqual(len(read.code), len(EVERY_TOKEN))
        self.assertEqual(read.code.count("\n"), EVERY_TOKEN.count("\n"))

    def test_lines_are_code_documentation_or_ordinary_comment(self):
        rows, _ = figures({"src/lib.rs": EVERY_TOKEN})
        self.assertEqual(rows["lines of code"], "12")
        self.assertEqual(rows["lines of comment (doc + ordinary)"], "4 (2 + 2)")
        self.assertEqual(rows["lines of a file: median / p90 / largest"], "17 / 17 / 17")

    def test_a_function_is_as_long_as_clippy_says(self):
        rows, _ = figures({"src/lib.rs": EVERY_TOKEN})
        self.assertEqual(rows["lines of code of a function: median / p90 / largest"], "10 / 10 / 10")
        one_line = source("fn one() -> u8 { 1 }\ntrait T { fn declared(&self) -> [u8; 3]; }")
        self.assertEqual([(function.name, function.lines) for _, function in one_line.functions()], [("one", 1)])

    def test_closures_and_links_are_counted(self):
        rows, _ = figures({"src/lib.rs": EVERY_TOKEN})
        self.assertEqual(rows["closures bound by `let`, per 1,000 lines of code"], "2, 166.7")
        self.assertEqual(rows["comments with a link"], "1")
        for no_source in ("http://127.0.0.1:9911/", "https://example.com/", "https://sts.eu-west-1.amazonaws.com",
                          "http://seaweedfs.default.svc:8333"):
            self.assertFalse(measure.is_link(no_source), no_source)
        self.assertTrue(measure.is_link("see https://docs.aws.amazon.com/STS/latest/APIReference/"))

    def test_a_comment_is_a_run_of_lines_without_code(self):
        read = source("// one\n// the same\n\n// another\nfn f() {} // a third\n")
        self.assertEqual(len(list(read.runs_of_comments())), 3)


class WithoutTests(unittest.TestCase):
    FILES = {
        "src/lib.rs": UNIT_TESTS,
        "src/fake.rs": "fn of_tests() {}",
        "src/fake/deeper.rs": "fn of_tests() {}",
        "src/real.rs": "//! Documented.\nfn counted() {}",
        "src/real/tests.rs": "fn of_tests() {}",
        "src/tests/more.rs": "fn of_tests() {}",
        "tests/clients/src/main.rs": "fn main() {}",
        "build.rs": "fn main() {}",
    }

    def test_unit_tests_are_no_part_of_src(self):
        src, everything = figures(self.FILES)
        self.assertEqual((src["files"], everything["files"]), ("2", "8"))
        self.assertEqual((src["functions"], everything["functions"]), ("2", "9"))
        self.assertEqual(src["lines of code"], "14")

    def test_public_items_are_documented_by_comment_attribute_or_their_module(self):
        src, everything = figures(self.FILES)
        self.assertEqual(src["documented of public items"], "2 of 4, 50 %")
        self.assertEqual(everything["documented of public items"], "2 of 5, 40 %")
        src, _ = figures({"src/lib.rs": "pub mod real;\npub mod other;", "src/real.rs": "//! Documented.", "src/other.rs": ""})
        self.assertEqual(src["documented of public items"], "1 of 2, 50 %")


class Revisions(unittest.TestCase):
    def test_two_revisions_are_compared_side_by_side(self):
        program = pathlib.Path(measure.__file__)
        with tempfile.TemporaryDirectory() as folder:
            def git(*arguments):
                subprocess.run(["git", "-C", folder, "-c", "commit.gpgsign=false", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments],
                               check=True, capture_output=True)

            git("init", "--quiet")
            file = pathlib.Path(folder, "src/lib.rs")
            file.parent.mkdir()
            for subject, text in (("first", "fn one() {}\n"), ("second", "fn one() {}\n\nfn two() {}\n")):
                file.write_text(text)
                git("add", ".")
                git("commit", "--quiet", "--message", subject)
            printed = subprocess.run([program, folder, "--rev", "HEAD^", "--rev", "HEAD"],
                                     check=True, capture_output=True, text=True).stdout
            worktree = subprocess.run([program, folder], check=True, capture_output=True, text=True).stdout
        self.assertIn("` first", printed.splitlines()[0])
        self.assertIn("| | `src` without tests, before | `src` without tests, after | all, before | all, after |", printed)
        self.assertIn("| functions | 1 | 2 | 1 | 2 |", printed)
        self.assertIn("| functions | 2 | 2 |", worktree)


if __name__ == "__main__":
    unittest.main()
