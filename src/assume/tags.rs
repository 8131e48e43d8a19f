//! Session tags, and which of them later hops inherit.
//!
//! Owns STS's pattern for tags (<https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>)
//! and how keys are compared. What a chain may set again is `config`'s.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Serialize, Serializer};

use super::Error;
use super::list::{List, at_most};
use crate::redact;

text! {
    /// The key of a session tag; STS compares keys without case.
    TagKey, text => (1..=128).contains(&text.chars().count()) && is_tag_text(text),
    "a tag key has 1 to 128 letters, digits, spaces and _.:/=+-@ only"
}

text! {
    /// The value of a session tag; may be empty.
    TagValue, text => text.chars().count() <= 256 && is_tag_text(text),
    "a tag value has at most 256 letters, digits, spaces and _.:/=+-@ only"
}

impl TagKey {
    /// Whether STS would take both for the same key.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.as_str().to_lowercase() == other.as_str().to_lowercase()
    }
}

/// `TransitiveTagKeys`.
pub type TagKeys = List<TagKey, { Tags::MOST }>;

/// A session tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Unique without regard to case.
    pub key: TagKey,
    /// At most 256 characters.
    pub value: TagValue,
}

impl Tag {
    /// Takes a key and a value.
    ///
    /// # Errors
    /// When STS would refuse one of them.
    pub fn parse(key: &str, value: &str) -> Result<Self, Error> {
        Ok(Self {
            key: TagKey::parse(key)?,
            value: TagValue::parse(value)?,
        })
    }
}

/// `Tags`, whose keys differ in more than case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<TagKey, TagValue>")]
pub struct Tags(Vec<Tag>);

schema_of!(Tags, BTreeMap<TagKey, TagValue>);

impl Tags {
    /// As many as STS takes.
    pub const MOST: usize = 50;
}

impl TryFrom<BTreeMap<TagKey, TagValue>> for Tags {
    type Error = String;

    fn try_from(given: BTreeMap<TagKey, TagValue>) -> Result<Self, String> {
        at_most(Self::MOST, given.len()).map_err(|error| error.to_string())?;
        let mut tags: Vec<Tag> = Vec::new();
        for (key, value) in given {
            if let Some(first) = tags.iter().find(|other| other.key.same_as(&key)) {
                return Err(format!(
                    "STS takes {} for the same key as {}: leave one of them",
                    redact::value(key.as_str()),
                    redact::value(first.key.as_str())
                ));
            }
            tags.push(Tag { key, value });
        }
        Ok(Self(tags))
    }
}

/// Of tags whose keys are known to differ.
impl From<Vec<Tag>> for Tags {
    fn from(tags: Vec<Tag>) -> Self {
        Self(tags)
    }
}

impl Deref for Tags {
    type Target = [Tag];

    fn deref(&self) -> &[Tag] {
        &self.0
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|tag| (&tag.key, &tag.value)))
    }
}

/// STS's pattern is `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`.
fn is_tag_text(text: &str) -> bool {
    // Separators of Unicode, which tabs and line breaks are not.
    let is_blank = |c: char| c.is_whitespace() && !c.is_control();
    text.chars()
        .all(|c| is_letter_or_number(c) || is_blank(c) || "_.:/=+-@".contains(c))
}

/// `\p{L}` and `\p{N}`.
///
/// [`char::is_alphabetic`] also takes vowel signs and letters in circles, so a letter is what an
/// identifier may begin with (`XID_Start` of
/// <https://www.unicode.org/reports/tr31/#Default_Identifier_Syntax>). That has four others for the
/// sake of older identifiers, and lacks the letters that normalization would change, such as Thai's
/// sara am (<https://www.unicode.org/reports/tr31/#NFKC_Modifications>).
fn is_letter_or_number(c: char) -> bool {
    let is_other = matches!(c, '\u{1885}' | '\u{1886}' | '\u{2118}' | '\u{212e}');
    let is_changed = matches!(
        c,
        '\u{37a}'
            | '\u{e33}'
            | '\u{eb3}'
            | '\u{2e2f}'
            | '\u{fc5e}'..='\u{fc63}'
            | '\u{fdfa}'
            | '\u{fdfb}'
            | '\u{fe70}'..='\u{fe7e}'
            | '\u{ff9e}'
            | '\u{ff9f}'
    );
    let is_letter = unicode_ident::is_xid_start(c) && !is_other;
    is_letter || is_changed && c.is_alphabetic() || c.is_numeric()
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn letters_and_numbers_of_any_script_differ_from_marks() {
        for c in ['\u{93e}', '\u{301}', '\u{24b6}', '\u{1f170}'] {
            assert!(!is_letter_or_number(c), "{c:?}");
        }
        for c in [
            'a', 'ä', 'ß', 'क', '字', '٣', '½', 'Ⅷ', '\u{e33}', '\u{ff9f}',
        ] {
            assert!(is_letter_or_number(c), "{c:?}");
        }
    }

    /// Every character that the tests' Unicode knows.
    #[test]
    fn every_character_is_judged_as_by_the_pattern() {
        let is = |pattern: &str| {
            let pattern = Regex::new(pattern).expect("a pattern");
            move |c: &char| pattern.is_match(c.encode_utf8(&mut [0; 4]))
        };
        let (is_taken, is_unassigned) = (is(r"^[\p{L}\p{N}]$"), is(r"^\p{Cn}$"));
        let other: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| is_letter_or_number(*c) != is_taken(c) && !is_unassigned(c))
            .collect();
        assert!(
            other.is_empty(),
            "{} differ, such as {:?}",
            other.len(),
            &other[..other.len().min(20)]
        );
    }
}
