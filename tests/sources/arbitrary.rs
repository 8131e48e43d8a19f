//! Random profiles over all keys of the configuration file, mostly valid ones, up to the limits and just beyond.
//!
//! A draft remembers the keys it made wrong: without any, a refusal would be one too many.

mod hops;
mod origins;

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The one file that a policy may be read from.
pub const POLICY_FILE: &str = "/policy.json";

/// A profile being drawn.
pub struct Draft {
    random: Rng,
    /// How many values of a hundred are wrong.
    wrong_percent: u32,
    /// Keys with a wrong value; a message must name one of them.
    pub odd: Vec<&'static str>,
    identity: String,
    handed_down: Vec<String>,
}

type Keys = Map<String, Value>;

/// A profile and the keys that are wrong in it.
pub fn profile(seed: u64) -> (Value, Vec<&'static str>) {
    let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let wrong_percent = [0, 1, 4][random.usize(0..3)];
    let identity = if random.bool() {
        "alice"
    } else {
        "bob@example.org"
    }
    .to_owned();
    let mut draft = Draft {
        random,
        wrong_percent,
        odd: Vec::new(),
        identity,
        handed_down: Vec::new(),
    };
    let profile = draft.profile();
    (profile, draft.odd)
}

impl Draft {
    fn profile(&mut self) -> Value {
        let mut keys = Keys::new();
        let source = [
            "webIdentity",
            "saml",
            "sessionToken",
            "federationToken",
            "accessKey",
            "cognito",
        ][self.random.usize(0..6)];
        keys.insert(source.to_owned(), self.source(source));
        let is_chainable = source != "federationToken";
        let hops = if is_chainable {
            self.random.usize(usize::from(source == "accessKey")..4)
        } else {
            0
        };
        let hops = match source {
            "accessKey" if self.goes_wrong("accessKey") => 0,
            "federationToken" if self.goes_wrong("federationToken") => 1,
            _ => hops,
        };
        let is_user = matches!(source, "accessKey" | "sessionToken");
        let chain: Vec<Value> = (0..hops)
            .map(|at| self.hop(at, !is_user || at > 0))
            .collect();
        if hops > 0 {
            keys.insert("chain".to_owned(), chain.into());
        }
        if self.goes_wrong("sources") {
            let other = if source == "accessKey" {
                "webIdentity"
            } else {
                "accessKey"
            };
            keys.insert(
                other.to_owned(),
                if other == "accessKey" {
                    json!({"credentialsFile": "/c"})
                } else {
                    json!({})
                },
            );
        }
        keys.into()
    }

    fn goes_wrong(&mut self, key: &'static str) -> bool {
        let wrong = self.random.u32(0..100) < self.wrong_percent;
        if wrong {
            self.odd.push(key);
        }
        wrong
    }

    fn sometimes(&mut self) -> bool {
        self.random.u8(0..3) == 0
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.random.usize(0..from.len())]
    }

    /// So many characters of `fine`; when it goes wrong, one too few, one too many, or one of `bad`.
    fn text(
        &mut self,
        key: &'static str,
        shortest: usize,
        longest: usize,
        fine: &str,
        bad: &str,
    ) -> String {
        let of = |draft: &mut Self, length: usize, from: &str| -> String {
            let from: Vec<char> = from.chars().collect();
            (0..length)
                .map(|_| from[draft.random.usize(0..from.len())])
                .collect()
        };
        if self.goes_wrong(key) {
            return match self.random.u8(0..3) {
                0 => of(self, shortest - 1, fine),
                1 => of(self, longest + 1, fine),
                _ => of(self, shortest, fine) + &of(self, 1, bad),
            };
        }
        let length = match self.random.u8(0..80) {
            0 => longest,
            1 => shortest,
            _ => (shortest + self.random.usize(0..20)).min(longest),
        };
        of(self, length, fine)
    }

    fn word(&mut self, key: &'static str, shortest: usize, longest: usize) -> String {
        self.text(key, shortest, longest, "aZ09_+=,.@-", "/ :\u{e4}\n")
    }

    fn role(&mut self) -> String {
        if self.goes_wrong("roleArn") {
            return self
                .pick(&[
                    "app",
                    "",
                    "arn:aws:iam::111122223333:user/me",
                    "arn:aws:iam::111122223333:role/a b",
                ])
                .to_owned();
        }
        let partition = self.pick(&["aws", "aws", "aws-cn", "aws-us-gov"]);
        let name = self.text_of_name();
        format!("arn:{partition}:iam::111122223333:role/{name}")
    }

    fn text_of_name(&mut self) -> String {
        let length = self.random.usize(1..=64);
        (0..length)
            .map(|_| if self.random.bool() { 'r' } else { '-' })
            .collect()
    }

    fn file(&mut self, key: &'static str) -> String {
        if self.goes_wrong(key) {
            self.pick(&["", "/run/"]).to_owned()
        } else {
            "/run/secrets/file".to_owned()
        }
    }

    fn session_name(&mut self) -> String {
        match self.random.u8(0..8) {
            0 => "{namespace}.{pod}".to_owned(),
            1 => "{pod}-x".to_owned(),
            2 if self.goes_wrong("sessionName") => "{node}".to_owned(),
            _ => self.word("sessionName", 2, 64),
        }
    }

    fn duration(&mut self, most_seconds: u32, may_be_longest: bool) -> String {
        if self.goes_wrong("sessionDuration") {
            let long = format!("{}s", most_seconds + 1);
            return self
                .pick(&["899s", "1h 500ms", "soon", "", "37h", &long])
                .to_owned();
        }
        match self.random.u8(0..6) {
            0 if may_be_longest => "longest".to_owned(),
            1 => "15m".to_owned(),
            2 => format!("{most_seconds}s"),
            _ => format!("{}s", self.random.u32(900..=most_seconds)),
        }
    }

    fn policy_document(filler: usize) -> Value {
        let resource = "x".repeat(filler);
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": resource}]})
    }

    fn restriction(&mut self, keys: &mut Keys) {
        let (has_policy, has_file, has_arns) =
            (self.sometimes(), self.sometimes(), self.sometimes());
        if has_policy {
            let filler = self.random.usize(0..100);
            let document = Self::policy_document(filler);
            let policy = match self.random.u8(0..8) {
                0 if self.goes_wrong("policy") => json!(["not an object"]),
                1 if self.goes_wrong("policy") => Self::policy_document(2048),
                2 if self.goes_wrong("policy") => {
                    json!({"Version": "2012-10-17", "Statement": "\u{20ac}"})
                }
                3 => document.to_string().into(),
                _ => document,
            };
            keys.insert("policy".to_owned(), policy);
            if self.goes_wrong("policyFile") {
                keys.insert("policyFile".to_owned(), POLICY_FILE.into());
            }
        } else if has_file {
            let file = if self.goes_wrong("policyFile") {
                "/none.json"
            } else {
                POLICY_FILE
            };
            keys.insert("policyFile".to_owned(), file.into());
        }
        if has_arns {
            self.policy_arns(keys);
        }
    }

    fn policy_arns(&mut self, keys: &mut Keys) {
        let count = if self.goes_wrong("policyArns") {
            11
        } else {
            self.random.usize(0..=10)
        };
        let arn = |draft: &mut Self| {
            if draft.goes_wrong("policyArns") {
                draft.pick(&[
                    "ReadOnlyAccess",
                    "arn:aws:iam::111122223333:role/app",
                    "arn:aws:iam::aws:policy/\u{e4}",
                ])
            } else {
                draft.pick(&[
                    "arn:aws:iam::aws:policy/ReadOnlyAccess",
                    "arn:aws:iam::111122223333:policy/team/b",
                ])
            }
        };
        let mut arns: Vec<&str> = (0..count).map(|_| arn(self)).collect();
        if keys.contains_key("policy") && self.goes_wrong("polic") {
            // Each is within its limit; together they are not.
            keys.insert("policy".to_owned(), Self::policy_document(1900));
            arns = vec!["arn:aws:iam::aws:policy/ReadOnlyAccess"; 10];
        }
        keys.insert("policyArns".to_owned(), arns.into());
    }

    fn stray(&mut self, keys: &mut Keys) {
        if self.goes_wrong("colour") {
            keys.insert("colour".to_owned(), "blue".into());
        }
    }
}
