//! Settings as raw text, with where each came from: flag, then variable, then the file's key, then default.
//!
//! Owns the precedence. The process environment and the disk are arguments, so that `cli` alone touches
//! them. It never judges a value beyond being text: `config` parses.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::file::Document;
use super::setting::{Setting, Variable};
use crate::assume::FilePath;

/// The flags that were given, by name without dashes.
#[derive(Clone, Default)]
pub struct Flags(BTreeMap<String, String>);

impl Flags {
    /// Remembers a flag's value.
    pub fn set(&mut self, flag: &str, value: String) {
        self.0.insert(flag.to_owned(), value);
    }

    /// The same flags without this one.
    #[must_use]
    pub fn without(&self, flag: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(own, _)| *own != flag)
                .map(|(own, value)| (own.clone(), value.clone()))
                .collect(),
        )
    }
}

/// No value has been judged yet, and one may be a URL with a password.
impl fmt::Debug for Flags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.keys()).finish()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Flags {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(flag, value)| (flag.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

/// Everything a configuration is made from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The command line.
    pub flags: &'a Flags,
    /// Looks a variable up; text that is not UTF-8 comes with U+FFFD in it.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file: the configuration file and policy files.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
}

/// Where a value came from, as errors name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--region`.
    Flag(&'static str),
    /// `AWS_REGION`.
    Variable(&'static str),
    /// `profiles.default.webIdentity.roleArn`.
    Key(String),
    /// The setting's default.
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) | Self::Default(flag) => write!(formatter, "--{flag}"),
            Self::Variable(name) => formatter.write_str(name),
            Self::Key(path) => formatter.write_str(path),
        }
    }
}

/// A value as it was given, not parsed yet.
#[derive(Clone)]
pub struct Given {
    /// Who.
    pub origin: Origin,
    /// As given.
    pub text: String,
}

impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Given")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Given {
    /// Parses the text; the error then names origin and value.
    ///
    /// # Errors
    /// When `parse` fails.
    pub fn parse<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Error> {
        parse(&self.text).map_err(|error| Error::value(&self.origin, &self.text, error))
    }

    /// Parses a URL; no error repeats a password or a query of it.
    ///
    /// # Errors
    /// When `parse` fails.
    pub fn url<T, E: fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Error> {
        parse(&self.text).map_err(|error| Error::url(&self.origin, &self.text, error))
    }

    /// Reads `true` or `false` in any case, as the SDKs read AWS's own variables. Anything else would be a guess:
    /// botocore takes `1` and `yes` for false (<https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>).
    ///
    /// # Errors
    /// When it is anything else.
    pub fn boolean(&self) -> Result<bool, Error> {
        self.parse(|text| match text.trim_ascii() {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err("true or false, in any case"),
        })
    }

    /// Takes a path that names a file or directory.
    ///
    /// # Errors
    /// When it is empty or a URL, or ends in a slash although a file is meant.
    pub fn file(&self) -> Result<PathBuf, Error> {
        self.parse(FilePath::parse).map(|path| path.to_path_buf())
    }
}

impl Sources<'_> {
    /// The first of a setting's variables that is set and not empty.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn variable(&self, names: &[&'static str]) -> Result<Option<Given>, Error> {
        let set = |name: &&'static str| {
            (self.variable)(name)
                .filter(|text| !text.is_empty())
                .map(|text| (*name, text))
        };
        let Some((name, text)) = names.iter().find_map(set) else {
            return Ok(None);
        };
        if text.contains(char::REPLACEMENT_CHARACTER) {
            let allowed = "it is not UTF-8";
            // No parser has judged it, and of a URL anything may be the secret.
            let is_url = text.contains(['@', '?', '#']) || text.contains("://");
            return Err(if is_url {
                Error::url(name, &text, allowed)
            } else {
                Error::value(name, &text, allowed)
            });
        }
        // The end of a line comes along with a Secret that was made from a file. A document of lines stays as it is.
        let text = match text.trim_ascii() {
            value if value.is_empty() || value.contains('\n') => text,
            value => value.to_owned(),
        };
        Ok(Some(Given {
            origin: Origin::Variable(name),
            text,
        }))
    }

    /// What the command line or the environment says about a setting.
    ///
    /// # Errors
    /// When a variable is not UTF-8.
    pub fn outer(&self, setting: &Setting) -> Result<Option<Given>, Error> {
        match self.flags.0.get(setting.flag) {
            Some(text) => Ok(Some(Given {
                origin: Origin::Flag(setting.flag),
                text: text.clone(),
            })),
            None => self.variable(setting.variables),
        }
    }

    /// What anybody says about a setting: flag, variable, the file's key, the default.
    ///
    /// # Errors
    /// When a variable is not UTF-8.
    pub fn value(&self, setting: &Setting, document: &Document) -> Result<Option<Given>, Error> {
        if let Some(given) = self.outer(setting)? {
            return Ok(Some(given));
        }
        if let Some((key, text)) = setting
            .key
            .and_then(|key| document.text(key).map(|text| (key, text)))
        {
            return Ok(Some(Given {
                origin: Origin::Key(key.to_owned()),
                text,
            }));
        }
        let default = |text: &str| Given {
            origin: Origin::Default(setting.flag),
            text: text.to_owned(),
        };
        Ok(setting.default.map(default))
    }

    /// A variable that holds a boolean; nothing for false.
    ///
    /// # Errors
    /// When it holds anything else.
    pub fn switch(&self, variable: &Variable) -> Result<Option<Given>, Error> {
        let Some(given) = self.variable(variable.names)? else {
            return Ok(None);
        };
        Ok(given.boolean()?.then_some(given))
    }
}
