//! Random sources, each with its own keys.

use serde_json::Value;

use super::{Draft, Keys};

impl Draft {
    pub(super) fn source(&mut self, source: &str) -> Value {
        let mut keys = Keys::new();
        match source {
            "webIdentity" => self.web_identity(&mut keys),
            "saml" => self.saml(&mut keys),
            "cognito" => self.cognito(&mut keys),
            _ => {
                keys.insert(
                    "credentialsFile".to_owned(),
                    self.file("credentialsFile").into(),
                );
                if self.sometimes() {
                    let profile = if self.goes_wrong("profile") {
                        "a]b"
                    } else {
                        "ci user"
                    };
                    keys.insert("profile".to_owned(), profile.into());
                }
            }
        }
        if matches!(source, "sessionToken" | "federationToken") && self.sometimes() {
            keys.insert(
                "sessionDuration".to_owned(),
                self.duration(129_600, false).into(),
            );
        }
        if source == "sessionToken" && self.sometimes() {
            keys.insert("mfa".to_owned(), self.mfa());
        }
        if source == "federationToken" {
            keys.insert("name".to_owned(), self.word("name", 2, 32).into());
            keys.insert("tags".to_owned(), self.tags(0).into());
            self.restriction(&mut keys);
        }
        self.stray(&mut keys);
        keys.into()
    }

    pub(super) fn web_identity(&mut self, keys: &mut Keys) {
        if !self.sometimes() {
            keys.insert("roleArn".to_owned(), self.role().into());
        }
        keys.insert("tokenFile".to_owned(), self.file("tokenFile").into());
        if self.sometimes() {
            keys.insert("sessionName".to_owned(), self.session_name().into());
        }
        if self.sometimes() {
            keys.insert(
                "sessionDuration".to_owned(),
                self.duration(43_200, true).into(),
            );
        }
        if self.sometimes() {
            let provider = if self.goes_wrong("providerId") {
                "https://www.amazon.com"
            } else {
                "www.amazon.com"
            };
            keys.insert("providerId".to_owned(), provider.into());
        }
        self.restriction(keys);
    }

    pub(super) fn saml(&mut self, keys: &mut Keys) {
        let good = "arn:aws:iam::111122223333:saml-provider/idp";
        let principal = if self.goes_wrong("principalArn") {
            self.pick(&["idp", "arn:aws:iam::1:role/idp"])
        } else {
            good
        };
        keys.insert("roleArn".to_owned(), self.role().into());
        keys.insert("principalArn".to_owned(), principal.into());
        keys.insert(
            "assertionFile".to_owned(),
            self.file("assertionFile").into(),
        );
        if self.sometimes() {
            keys.insert(
                "sessionDuration".to_owned(),
                self.duration(43_200, true).into(),
            );
        }
        self.restriction(keys);
    }

    pub(super) fn cognito(&mut self, keys: &mut Keys) {
        let good = "eu-central-1:0a1b2c3d-0000-4000-8000-00000000000f";
        let pool = if self.goes_wrong("identityPoolId") {
            self.pick(&["pool", "", "a:b:c", "eu-central-1:XYZ"])
        } else {
            good
        };
        keys.insert("identityPoolId".to_owned(), pool.into());
        keys.insert("tokenFile".to_owned(), self.file("tokenFile").into());
        if self.sometimes() {
            let account = if self.goes_wrong("accountId") {
                self.pick(&["me", "1234"])
            } else {
                "111122223333"
            };
            keys.insert("accountId".to_owned(), account.into());
        }
        if self.sometimes() {
            let login = if self.goes_wrong("login") {
                self.pick(&["", "https://oidc.example.org"])
            } else {
                "oidc.example.org/id"
            };
            keys.insert("login".to_owned(), login.into());
        }
        if self.sometimes() {
            let role = if self.goes_wrong("customRoleArn") {
                "app"
            } else {
                "arn:aws:iam::111122223333:role/pool"
            };
            keys.insert("customRoleArn".to_owned(), role.into());
        }
    }
}
