//! Random hops: tags, transitive keys, devices, contexts and everything else of `AssumeRole`.

use serde_json::{Value, json};

use super::{Draft, Keys};

impl Draft {
    pub(super) fn tags(&mut self, at: usize) -> Keys {
        let count = match self.random.u8(0..150) {
            0 if self.goes_wrong("tags") => 51,
            1 => 50,
            _ => self.random.usize(0..4),
        };
        let mut tags = Keys::new();
        for number in 0..count {
            let value = self.text(
                "tags",
                1,
                256,
                "aZ9 _.:/=+-@\u{e4}\u{4e2d}\u{2003}\u{660}",
                "<\t\u{93e}\u{20dd}\u{ad}",
            );
            let value = if self.random.u8(0..8) == 0 {
                String::new()
            } else {
                value
            };
            tags.insert(format!("Key {at}.{number}"), value.into());
        }
        if count > 0 && self.goes_wrong("tags") {
            let key = match self.random.u8(0..4) {
                0 => format!("KEY {at}.0"),
                1 => "k".repeat(129),
                2 => "<".to_owned(),
                _ => self.handed_down.first().cloned().unwrap_or_default(),
            };
            tags.insert(key, "x".into());
        }
        tags
    }

    pub(super) fn mfa(&mut self) -> Value {
        let serial = self.text("serialNumber", 9, 256, "aZ09_+=/:,.@-", " \u{e4}");
        let mut mfa = Keys::from_iter([("serialNumber".to_owned(), serial.into())]);
        let file = self.pick(&["totpSecretFile", "tokenCodeFile"]);
        mfa.insert(
            file.to_owned(),
            self.file(if file == "totpSecretFile" {
                "totpSecretFile"
            } else {
                "tokenCodeFile"
            })
            .into(),
        );
        if self.goes_wrong("mfa") {
            if self.random.bool() {
                mfa.remove(file);
            } else {
                mfa.insert("totpSecretFile".to_owned(), "/t".into());
                mfa.insert("tokenCodeFile".to_owned(), "/c".into());
            }
        }
        mfa.into()
    }

    /// Some of the tags' keys, which later hops inherit.
    fn transitive(&mut self, tags: &Keys) -> Vec<String> {
        let mut transitive: Vec<String> = tags
            .keys()
            .filter(|_| self.random.bool())
            .take(50)
            .cloned()
            .collect();
        self.handed_down.extend(transitive.iter().cloned());
        if self.goes_wrong("transitiveTagKeys") {
            let twice = transitive
                .first()
                .map_or_else(|| "no tag".to_owned(), |key| key.to_uppercase());
            transitive.push(if self.random.bool() {
                twice
            } else {
                "no tag".to_owned()
            });
        }
        transitive
    }

    pub(super) fn hop(&mut self, at: usize, is_chained: bool) -> Value {
        let mut keys = Keys::new();
        let tags = self.tags(at);
        let transitive = self.transitive(&tags);
        keys.insert("tags".to_owned(), tags.into());
        keys.insert("transitiveTagKeys".to_owned(), transitive.into());
        if !self.goes_wrong("roleArn") {
            keys.insert("roleArn".to_owned(), self.role().into());
        }
        if self.sometimes() {
            keys.insert("sessionName".to_owned(), self.session_name().into());
        }
        if self.sometimes() {
            keys.insert(
                "sessionDuration".to_owned(),
                self.duration(if is_chained { 3600 } else { 43_200 }, true)
                    .into(),
            );
        }
        if self.sometimes() {
            keys.insert(
                "externalId".to_owned(),
                self.text("externalId", 2, 1224, "aZ09_+=,.@:/-", " <\u{e4}")
                    .into(),
            );
        }
        if self.sometimes() {
            let identity = if self.goes_wrong("sourceIdentity") {
                self.pick(&["aws:me", "x", "a/b", "somebody-else"])
                    .to_owned()
            } else {
                self.identity.clone()
            };
            keys.insert("sourceIdentity".to_owned(), identity.into());
        }
        if !is_chained && self.sometimes() {
            keys.insert("mfa".to_owned(), self.mfa());
        }
        if self.sometimes() {
            keys.insert("providedContexts".to_owned(), self.contexts());
        }
        self.restriction(&mut keys);
        self.stray(&mut keys);
        keys.into()
    }

    pub(super) fn contexts(&mut self) -> Value {
        let count = if self.goes_wrong("providedContexts") {
            6
        } else {
            self.random.usize(0..=5)
        };
        let context = |draft: &mut Self| {
            let good = "arn:aws:iam::aws:contextProvider/IdentityCenter";
            let arn = if draft.goes_wrong("providerArn") {
                draft.pick(&["x", "arn:aws:iam::aws:policy/x"])
            } else {
                good
            };
            json!({"providerArn": arn, "contextAssertionFile": draft.file("contextAssertionFile")})
        };
        (0..count).map(|_| context(self)).collect()
    }
}
