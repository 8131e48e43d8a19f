//! The world of one case: its files, an STS that knows what it must, and the agent.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::case::{Case, Content};
use super::support::agent::{Agent, Launch, until};
use super::support::client::Answer;
use super::support::fake_sts::FakeSts;
use super::support::fake_sts::mfa::Device;
use super::support::identity_provider::{Claims, IdentityProvider};
use super::support::tokens::ServiceAccountToken;

/// A case on stage; its processes and files go with it.
pub struct Stage<'c> {
    pub case: &'c Case,
    pub sts: FakeSts,
    pub directory: TempDir,
    provider: IdentityProvider,
    written: RefCell<HashMap<String, String>>,
}

impl<'c> Stage<'c> {
    /// Lays out the files; nothing runs yet.
    pub fn new(case: &'c Case) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("stsidecar-sources-")
            .tempdir_in("/dev/shm")
            .expect("memory");
        let stage = Self {
            case,
            sts: FakeSts::start(),
            directory,
            provider: IdentityProvider::new(),
            written: RefCell::default(),
        };
        for (id, secret) in &case.sts.users {
            stage.sts.add_user(id, secret);
        }
        for (serial, codes) in &case.sts.codes {
            stage.sts.add_device(serial, Device::Codes(codes.clone()));
        }
        for (serial, secret) in &case.sts.totp {
            stage
                .sts
                .add_device(serial, Device::Totp(secret.clone().into_bytes()));
        }
        stage.sts.set_elements(case.sts.elements.clone());
        stage.sts.speak(case.sts.dialect);
        if !case.sts.path.is_empty() {
            stage.sts.move_to(&case.sts.path);
        }
        if let Some(region) = &case.sts.region {
            stage.sts.set_region(region);
        }
        stage.renew_files();
        stage
    }

    /// Writes every file with fresh content of its kind.
    pub fn renew_files(&self) {
        for (name, content) in &self.case.files {
            self.write(name, &self.fresh(content));
        }
    }

    fn fresh(&self, content: &Content) -> String {
        match content {
            Content::ServiceAccountToken(account) => ServiceAccountToken {
                service_account: account.clone(),
                ..ServiceAccountToken::default()
            }
            .jwt(),
            Content::Saml { role, principal } => {
                self.sts.trust(principal, self.provider.public_key());
                self.provider.response(&Claims::of(role, principal))
            }
            Content::Text(text) => text.clone(),
        }
    }

    /// Replaces a file whole, in one rename.
    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the directory")).expect("a directory");
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, content).expect("room for a file");
        fs::rename(&fresh, &path).expect("one file system");
        self.written
            .borrow_mut()
            .insert(name.to_owned(), content.to_owned());
    }

    /// What a file holds now.
    pub fn content(&self, name: &str) -> String {
        self.written.borrow()[name].trim().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What an expected value of a request means.
    pub fn meant(&self, value: &str) -> String {
        match value.split_once(':') {
            Some(("content", name)) => self.content(name),
            Some(("base64", name)) => STANDARD.encode(self.content(name)),
            _ => value.to_owned(),
        }
    }

    /// An agent that refreshes as often as its budget of one call a second lets it with so many exchanges: more
    /// often, and the first ones would always be due before the last.
    pub fn start(&self) -> Agent {
        self.sts.set_session_lifetime(Some(Duration::from_mins(1)));
        let document = json!({
            "profiles": {"default": self.case.profile(self.directory.path(), &BTreeMap::new())},
            "clients": [{"name": "app", "profile": "default", "tokenFile": self.token_file()}],
        });
        let config = self.path("config.yaml");
        fs::write(&config, document.to_string()).expect("room for a file");
        let endpoint = format!("{}{}", self.sts.url(), self.case.sts.path);
        let launch = Launch::new(self.directory.path(), &endpoint)
            .flag(
                "region",
                self.case.sts.region.as_deref().unwrap_or("eu-central-1"),
            )
            .without("role-arn")
            .without("web-identity-token-file")
            .without("authorization-token-file")
            .variable("AWS_ENDPOINT_URL_COGNITO_IDENTITY", &self.sts.url())
            .flag("config", config.to_str().expect("a path of text"))
            .flag("refresh-at", &format!("{}s", self.case.calls.len() * 3 / 2));
        launch.start()
    }

    fn token_file(&self) -> PathBuf {
        self.path("endpoint/token")
    }

    /// Waits for the first 200.
    pub fn first_credentials(&self, agent: &Agent) -> Answer {
        let mut client = agent.client_with(&self.token_file());
        until("credentials", || {
            let answer = client.credentials().expect("an answer to every request");
            (answer.status == 200).then_some(answer)
        })
    }

    /// The number of the issue that is vended now; an answer that is no 200 fails.
    pub fn serial(&self, agent: &Agent) -> Result<u64, String> {
        let answer = agent
            .client_with(&self.token_file())
            .credentials()
            .map_err(|error| error.to_string())?;
        Ok(answer.issued()?.serial)
    }

    /// The only profile of `/status`.
    pub fn status(agent: &Agent) -> Value {
        agent.status()["profiles"][0].clone()
    }
}
