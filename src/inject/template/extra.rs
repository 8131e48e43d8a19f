//! The chart's `agent.extraEnv`: variables of the agent's that no value of the chart has.
//!
//! Owns how it is read where a decision depends on one of them. The agent's own configuration
//! judges their values (`config`). Used by `settings`, `mesh` and `config`.

use serde_json::Value;

use super::Template;

impl Template {
    /// The STS endpoint among the agent's further variables, by the agent's own precedence.
    pub(in crate::inject) fn extra_endpoint(&self) -> Option<&str> {
        self.extra("AWS_ENDPOINT_URL_STS")
            .or_else(|| self.extra("AWS_ENDPOINT_URL"))
    }

    /// The agent's further variables, as the API has them.
    #[must_use]
    pub fn extra_env(&self) -> &[Value] {
        &self.agent.extra_env
    }

    /// Whether agents may send their tokens in plain text: the agent's own variable decides where
    /// both speak.
    pub(in crate::inject) fn allows_insecure_sts(&self) -> bool {
        let own = self.extra("STSIDECAR_ALLOW_INSECURE_STS");
        self.agent.allow_insecure_sts
            && own.is_none_or(|text| text.trim_ascii().eq_ignore_ascii_case("true"))
    }

    /// The literal value of one of the agent's further variables, unless it is empty.
    pub(in crate::inject) fn extra(&self, name: &str) -> Option<&str> {
        let set = self
            .agent
            .extra_env
            .iter()
            .find(|variable| variable["name"] == name)?;
        set["value"].as_str().filter(|text| !text.is_empty())
    }
}
