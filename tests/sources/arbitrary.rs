//! Random profiles over all keys of the configuration file, mostly sound ones, up to the limits and just beyond.
//!
//! A draft remembers the keys it made wrong: without any, a refusal would be one too many.

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
    let identity = if random.bool() { "alice" } else { "bob@example.org" }.to_owned();
    let mut draft = Draft { random, wrong_percent, odd: Vec::new(), identity, handed_down: Vec::new() };
    let profile = draft.profile();
    (profile, draft.odd)
}

impl Draft {
    fn profile(&mut self) -> Value {
        let mut keys = Keys::new();
        let source =
            ["webIdentity", "saml", "sessionToken", "federationToken", "accessKey", "cognito"][self.random.usize(0..6)];
        keys.insert(source.to_owned(), self.source(source));
        let is_chainable = source != "federationToken";
        let hops = if is_chainable { self.random.usize(usize::from(source == "accessKey")..4) } else { 0 };
        let hops = match source {
            "accessKey" if self.goes_wrong("accessKey") => 0,
            "federationToken" if self.goes_wrong("federationToken") => 1,
            _ => hops,
        };
        let is_user = matches!(source, "accessKey" | "sessionToken");
        let chain: Vec<Value> = (0..hops).map(|at| self.hop(at, !is_user || at > 0)).collect();
        if hops > 0 {
            keys.insert("chain".to_owned(), chain.into());
        }
        if self.goes_wrong("sources") {
            let other = if source == "accessKey" { "webIdentity" } else { "accessKey" };
            keys.insert(
                other.to_owned(),
                if other == "accessKey" { json!({"credentialsFile": "/c"}) } else { json!({}) },
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
    fn text(&mut self, key: &'static str, shortest: usize, longest: usize, fine: &str, bad: &str) -> String {
        let of = |draft: &mut Self, length: usize, from: &str| -> String {
            let from: Vec<char> = from.chars().collect();
            (0..length).map(|_| from[draft.random.usize(0..from.len())]).collect()
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
                .pick(&["app", "", "arn:aws:iam::111122223333:user/me", "arn:aws:iam::111122223333:role/a b"])
                .to_owned();
        }
        let partition = self.pick(&["aws", "aws", "aws-cn", "aws-us-gov"]);
        let name = self.text_of_name();
        format!("arn:{partition}:iam::111122223333:role/{name}")
    }

    fn text_of_name(&mut self) -> String {
        let length = self.random.usize(1..=64);
        (0..length).map(|_| if self.random.bool() { 'r' } else { '-' }).collect()
    }

    fn file(&mut self, key: &'static str) -> String {
        if self.goes_wrong(key) { self.pick(&["", "/run/"]).to_owned() } else { "/run/secrets/file".to_owned() }
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
            return self.pick(&["899s", "1h 500ms", "soon", "", "37h", &long]).to_owned();
        }
        match self.random.u8(0..6) {
            0 if may_be_longest => "longest".to_owned(),
            1 => "15m".to_owned(),
            2 => format!("{most_seconds}s"),
            _ => format!("{}s", self.random.u32(900..=most_seconds)),
        }
    }

    fn policy_document(&mut self, filler: usize) -> Value {
        let resource = "x".repeat(filler);
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": resource}]})
    }

    fn restriction(&mut self, keys: &mut Keys) {
        if self.sometimes() {
            let filler = self.random.usize(0..100);
            let document = self.policy_document(filler);
            let policy = match self.random.u8(0..8) {
                0 if self.goes_wrong("policy") => json!(["not an object"]),
                1 if self.goes_wrong("policy") => self.policy_document(2048),
                2 if self.goes_wrong("policy") => json!({"Version": "2012-10-17", "Statement": "\u{20ac}"}),
                3 => document.to_string().into(),
                _ => document,
            };
            keys.insert("policy".to_owned(), policy);
            if self.goes_wrong("policyFile") {
                keys.insert("policyFile".to_owned(), POLICY_FILE.into());
            }
        } else if self.sometimes() {
            let file = if self.goes_wrong("policyFile") { "/none.json" } else { POLICY_FILE };
            keys.insert("policyFile".to_owned(), file.into());
        }
        if self.sometimes() {
            let count = if self.goes_wrong("policyArns") { 11 } else { self.random.usize(0..=10) };
            let arn = |draft: &mut Self| match draft.goes_wrong("policyArns") {
                true => draft.pick(&[
                    "ReadOnlyAccess",
                    "arn:aws:iam::111122223333:role/app",
                    "arn:aws:iam::aws:policy/\u{e4}",
                ]),
                false => {
                    draft.pick(&["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::111122223333:policy/team/b"])
                }
            };
            let mut arns: Vec<&str> = (0..count).map(|_| arn(self)).collect();
            if keys.contains_key("policy") && self.goes_wrong("polic") {
                // Each is within its limit; together they are not.
                keys.insert("policy".to_owned(), self.policy_document(1900));
                arns = vec!["arn:aws:iam::aws:policy/ReadOnlyAccess"; 10];
            }
            keys.insert("policyArns".to_owned(), arns.into());
        }
    }

    fn tags(&mut self, at: usize) -> Keys {
        let count = match self.random.u8(0..150) {
            0 if self.goes_wrong("tags") => 51,
            1 => 50,
            _ => self.random.usize(0..4),
        };
        let mut tags = Keys::new();
        for number in 0..count {
            let value =
                self.text("tags", 1, 256, "aZ9 _.:/=+-@\u{e4}\u{4e2d}\u{2003}\u{660}", "<\t\u{93e}\u{20dd}\u{ad}");
            let value = if self.random.u8(0..8) == 0 { String::new() } else { value };
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

    fn mfa(&mut self) -> Value {
        let serial = self.text("serialNumber", 9, 256, "aZ09_+=/:,.@-", " \u{e4}");
        let mut mfa = Keys::from_iter([("serialNumber".to_owned(), serial.into())]);
        let file = self.pick(&["totpSecretFile", "tokenCodeFile"]);
        mfa.insert(
            file.to_owned(),
            self.file(if file == "totpSecretFile" { "totpSecretFile" } else { "tokenCodeFile" }).into(),
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

    fn hop(&mut self, at: usize, is_chained: bool) -> Value {
        let mut keys = Keys::new();
        let tags = self.tags(at);
        let mut transitive: Vec<String> = tags.keys().filter(|_| self.random.bool()).take(50).cloned().collect();
        self.handed_down.extend(transitive.iter().cloned());
        if self.goes_wrong("transitiveTagKeys") {
            let twice = transitive.first().map_or_else(|| "no tag".to_owned(), |key| key.to_uppercase());
            transitive.push(if self.random.bool() { twice } else { "no tag".to_owned() });
        }
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
                self.duration(if is_chained { 3600 } else { 43_200 }, true).into(),
            );
        }
        if self.sometimes() {
            keys.insert("externalId".to_owned(), self.text("externalId", 2, 1224, "aZ09_+=,.@:/-", " <\u{e4}").into());
        }
        if self.sometimes() {
            let identity = if self.goes_wrong("sourceIdentity") {
                self.pick(&["aws:me", "x", "a/b", "somebody-else"]).to_owned()
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

    fn contexts(&mut self) -> Value {
        let count = if self.goes_wrong("providedContexts") { 6 } else { self.random.usize(0..=5) };
        let context = |draft: &mut Self| {
            let good = "arn:aws:iam::aws:contextProvider/IdentityCenter";
            let arn =
                if draft.goes_wrong("providerArn") { draft.pick(&["x", "arn:aws:iam::aws:policy/x"]) } else { good };
            json!({"providerArn": arn, "contextAssertionFile": draft.file("contextAssertionFile")})
        };
        (0..count).map(|_| context(self)).collect()
    }

    fn stray(&mut self, keys: &mut Keys) {
        if self.goes_wrong("colour") {
            keys.insert("colour".to_owned(), "blue".into());
        }
    }

    fn source(&mut self, source: &str) -> Value {
        let mut keys = Keys::new();
        match source {
            "webIdentity" => self.web_identity(&mut keys),
            "saml" => self.saml(&mut keys),
            "cognito" => self.cognito(&mut keys),
            _ => {
                keys.insert("credentialsFile".to_owned(), self.file("credentialsFile").into());
                if self.sometimes() {
                    let profile = if self.goes_wrong("profile") { "a]b" } else { "ci user" };
                    keys.insert("profile".to_owned(), profile.into());
                }
            }
        }
        if matches!(source, "sessionToken" | "federationToken") && self.sometimes() {
            keys.insert("sessionDuration".to_owned(), self.duration(129_600, false).into());
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

    fn web_identity(&mut self, keys: &mut Keys) {
        if !self.sometimes() {
            keys.insert("roleArn".to_owned(), self.role().into());
        }
        keys.insert("tokenFile".to_owned(), self.file("tokenFile").into());
        if self.sometimes() {
            keys.insert("sessionName".to_owned(), self.session_name().into());
        }
        if self.sometimes() {
            keys.insert("sessionDuration".to_owned(), self.duration(43_200, true).into());
        }
        if self.sometimes() {
            let provider = if self.goes_wrong("providerId") { "https://www.amazon.com" } else { "www.amazon.com" };
            keys.insert("providerId".to_owned(), provider.into());
        }
        self.restriction(keys);
    }

    fn saml(&mut self, keys: &mut Keys) {
        let good = "arn:aws:iam::111122223333:saml-provider/idp";
        let principal =
            if self.goes_wrong("principalArn") { self.pick(&["idp", "arn:aws:iam::1:role/idp"]) } else { good };
        keys.insert("roleArn".to_owned(), self.role().into());
        keys.insert("principalArn".to_owned(), principal.into());
        keys.insert("assertionFile".to_owned(), self.file("assertionFile").into());
        if self.sometimes() {
            keys.insert("sessionDuration".to_owned(), self.duration(43_200, true).into());
        }
        self.restriction(keys);
    }

    fn cognito(&mut self, keys: &mut Keys) {
        let good = "eu-central-1:0a1b2c3d-0000-4000-8000-00000000000f";
        let pool = if self.goes_wrong("identityPoolId") {
            self.pick(&["pool", "", "a:b:c", "eu-central-1:XYZ"])
        } else {
            good
        };
        keys.insert("identityPoolId".to_owned(), pool.into());
        keys.insert("tokenFile".to_owned(), self.file("tokenFile").into());
        if self.sometimes() {
            let account = if self.goes_wrong("accountId") { self.pick(&["me", "1234"]) } else { "111122223333" };
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
            let role = if self.goes_wrong("customRoleArn") { "app" } else { "arn:aws:iam::111122223333:role/pool" };
            keys.insert("customRoleArn".to_owned(), role.into());
        }
    }
}
