//! Flags made from the table of settings, so that names, variables and defaults are in one place.
//!
//! Owns how a setting looks in the help. clap reads no environment here: `config` does, through its
//! lookup.

use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::setting::{self, Setting};
use crate::config::{Flags, SETTINGS};

/// Which settings a command has.
pub(super) trait Subset {
    const SETTINGS: &'static [&'static Setting];
}

/// Every setting.
pub(super) struct All;
impl Subset for All {
    const SETTINGS: &'static [&'static Setting] = SETTINGS;
}

/// What it takes to find the admin surface.
pub(super) struct OfAdmin;
impl Subset for OfAdmin {
    const SETTINGS: &'static [&'static Setting] = &[&setting::ADMIN_LISTEN, &setting::CONFIG];
}

/// The given ones of a command's flags.
pub(super) struct SettingFlags<S> {
    pub(super) given: Flags,
    subset: PhantomData<S>,
}

impl<S: Subset> FromArgMatches for SettingFlags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Flags::default();
        for setting in S::SETTINGS {
            if let Some(value) = matches.get_one::<String>(setting.flag) {
                given.set(setting.flag, value.clone());
            }
        }
        Ok(Self {
            given,
            subset: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<S: Subset> Args for SettingFlags<S> {
    fn augment_args(command: Command) -> Command {
        command.args(S::SETTINGS.iter().map(|setting| argument(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(setting: &'static Setting) -> Arg {
    let default = setting
        .default
        .map(|default| format!(" [default: {default}]"))
        .unwrap_or_default();
    let help = format!(
        "{} [env: {}]{default}",
        setting.help,
        setting.variables.join(", ")
    );
    let argument = Arg::new(setting.flag)
        .long(setting.flag)
        .value_name(setting.placeholder)
        .help(help);
    if setting.is_switch() {
        argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        argument
    }
}
