//! What is written for one setting: an annotation, else the chart's value.
//!
//! Owns which objects are asked for it: the pod alone for what is about one pod, all of them for
//! the rest. The order of the objects is `annotations`'s, the grammar `values`'s. Called by
//! `settings`.

use std::fmt::Display;

use serde_json::Value;

use super::raw::{RawValue, Setting};
use super::values::{boolean, image_reference, policies, port, role_arn};
use super::{Amounts, Annotations, Key};
use crate::inject::quantity;
use crate::inject::template::{self, Template};
use crate::inject::{Denial, Reason};
use crate::role::{RoleArn, Server};

/// Annotations over the chart's values.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    annotations: &'a Annotations<'a>,
    template: &'a Template,
}

impl<'a> Written<'a> {
    pub(super) fn of(annotations: &'a Annotations<'a>, template: &'a Template) -> Self {
        Self {
            annotations,
            template,
        }
    }

    /// Of any object, else of the chart.
    pub(super) fn any(&self, (name, key): Key, default: impl Display) -> Setting {
        Setting::of(self.annotations.any(name), key, default)
    }

    pub(super) fn required<T, E: Display>(
        &self,
        key: Key,
        default: impl Display,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Denial> {
        self.any(key, default).required(parse)
    }

    /// Of the pod alone.
    pub(super) fn pod<T, E: Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Denial> {
        let given = self.annotations.pod(name);
        given.map(|given| given.read(parse)).transpose()
    }

    /// Of the pod alone, separated by commas.
    pub(super) fn pod_list<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, Denial> {
        let given = self.annotations.pod(name);
        given.map(|given| given.list(parse)).transpose()
    }

    /// The same, where none and an empty one are one.
    pub(super) fn list<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Denial> {
        Ok(self.pod_list(name, parse)?.unwrap_or_default())
    }

    /// A port is a pod's own, since its containers share the network.
    pub(super) fn port(&self, (name, key): Key, default: u64) -> Result<u16, Denial> {
        Setting::of(self.annotations.pod(name), key, default).required(port)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Denial> {
        let given = self.annotations.any(name);
        given.map_or(Ok(default), |given| given.read(boolean))
    }

    pub(super) fn role(&self, server: Server) -> Result<Option<RoleArn>, Denial> {
        let fallback = self.annotations.fallback_role;
        self.annotations
            .any("role-arn")
            .or_else(|| Some(RawValue::new("--role-arn".to_owned(), fallback?)))
            .map(|given| given.read(|text| role_arn(server, text)))
            .transpose()
    }

    pub(super) fn has_callers_role(&self) -> bool {
        let Annotations { fallback_role, .. } = self.annotations;
        fallback_role.is_some() && self.annotations.any("role-arn").is_none()
    }

    pub(super) fn policy_arns(&self, server: Server) -> Result<Vec<String>, Denial> {
        let Some(given) = self.annotations.pod("session-policy-arns") else {
            return Ok(Vec::new());
        };
        let texts: Vec<&str> = given.items().collect();
        given.read(|_| policies(server, &texts))
    }

    pub(super) fn image(&self) -> Result<String, Denial> {
        let Some(given) = self.annotations.any("image") else {
            return Ok(self.template.image());
        };
        if self.template.injector.allow_image_override {
            return given.read(image_reference);
        }
        let problem = "images are chosen by the chart; set its injector.allowImageOverride \
                       to allow this annotation";
        let message = format!("{}: {problem}", given.origin);
        Err(Denial::new(Reason::BadValue, message))
    }

    /// `cpu-request` and so on over the chart's `agent.resources`; `kind` is `request` or `limit`.
    pub(super) fn amounts(&self, kind: &str, chart: &template::Amounts) -> Result<Amounts, Denial> {
        Ok(Amounts {
            cpu: self.amount("cpu", kind, chart.cpu.as_ref())?,
            memory: self.amount("memory", kind, chart.memory.as_ref())?,
        })
    }

    fn amount(
        &self,
        what: &str,
        kind: &str,
        chart: Option<&Value>,
    ) -> Result<Option<String>, Denial> {
        let given = self.annotations.any(&format!("{what}-{kind}"));
        Setting::amount(given, &format!("{kind}s.{what}"), chart).optional(quantity::checked)
    }
}
