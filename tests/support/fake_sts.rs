//! A fake STS on the wire: HTTP/1.1 on loopback, the Query protocol in, STS's XML out.
//!
//! It runs on its own thread with its own runtime, so tests with and without a runtime use it
//! alike, and it stops when dropped: connections are cut and the port refuses. Unscripted, it
//! judges a call as STS would: the request by the service model, then token, assertion or
//! signature, then the rules of chains. It takes every operation that gives credentials, and an
//! identity pool's two. What it issues describes itself: [`Issued`].

mod answer;
mod body;
pub mod dialect;
mod issued;
pub mod judge;
pub mod limits;
pub mod mfa;
mod pool;
pub mod saml;
mod serve;
pub mod signature;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use issued::Issued;

use dialect::Dialect;
use judge::Inherited;
use mfa::{Device, Devices};
use signature::Signed;

/// How one call is answered.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// As STS would: credentials, or the error that the call deserves.
    #[default]
    Ok,
    /// As [`Behaviour::Ok`], this much later.
    Latency(Duration),
    /// An STS error.
    Error {
        status: u16,
        code: String,
        message: String,
    },
    /// STS's real throttling: HTTP 400.
    Throttle,
    /// Never.
    Hang,
    /// Good credentials at a byte a second.
    SlowBody,
    /// Half of good credentials, then a TCP reset.
    ResetMidBody,
    /// HTTP 307 to this URL.
    Redirect(String),
    /// HTTP 200 with an endless body.
    Oversized,
    /// A proxy's page.
    Html502,
    /// HTTP 500 without a body.
    Empty500,
    /// HTTP 200 with an empty `Credentials` element.
    MissingFields,
    /// Good credentials, but of this assumed role; an empty text gives an empty `Arn`.
    AssumedRole(String),
    /// Exactly this.
    Raw {
        status: u16,
        content_type: &'static str,
        body: String,
    },
}

impl Behaviour {
    /// An STS error.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// One call as it came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// The `Action`.
    pub operation: String,
    /// The decoded form, `Action` and `Version` included.
    pub form: BTreeMap<String, String>,
    /// The body as it came.
    pub body: String,
    /// The path of the request line.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// `X-Amz-Security-Token`.
    pub security_token: Option<String>,
    /// `X-Amz-Date`.
    pub amz_date: Option<String>,
    /// `User-Agent` and `x-amz-user-agent`.
    pub user_agent: String,
    /// `X-Amz-Target`, which is how JSON calls name their operation.
    pub target: Option<String>,
    /// The signature, with what it covers.
    signed: Option<Signed>,
    /// When it was complete.
    pub at: Instant,
}

impl Call {
    /// The access key id that signed the call.
    pub fn signer(&self) -> Option<&str> {
        self.authorization
            .as_deref()?
            .split_once("Credential=")?
            .1
            .split('/')
            .next()
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "a test server lives in real time"
    )]
    fn unsigned(operation: &str, form: &BTreeMap<String, String>) -> Self {
        let (operation, form, path) = (operation.to_owned(), form.clone(), "/".to_owned());
        let (authorization, security_token, amz_date, target, signed) =
            (None, None, None, None, None);
        let (body, user_agent, at) = (String::new(), String::new(), Instant::now());
        Self {
            operation,
            form,
            body,
            path,
            authorization,
            security_token,
            amz_date,
            user_agent,
            target,
            signed,
            at,
        }
    }

    /// Whether it is a call of the JSON protocol, to an identity pool.
    pub fn is_json(&self) -> bool {
        self.target.is_some()
    }

    /// Exactly these parameters besides `Action` and `Version`.
    pub fn parameters(&self) -> BTreeMap<&str, &str> {
        let own = self
            .form
            .iter()
            .filter(|(key, _)| !["Action", "Version"].contains(&key.as_str()));
        own.map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

#[derive(Default)]
struct State {
    script: VecDeque<Behaviour>,
    default: Behaviour,
    /// Long-term keys: access key id and secret.
    users: HashMap<String, String>,
    /// SAML providers: ARN and public key.
    providers: HashMap<String, Vec<u8>>,
    devices: Devices,
    /// Identities of the pool: id and subject.
    identities: HashMap<String, String>,
    inherited: HashMap<String, Inherited>,
    elements: BTreeMap<String, String>,
    calls: Vec<Call>,
    issued: HashMap<String, Issued>,
    serial: u64,
    requests: u64,
    session_lifetime: Option<Duration>,
    max_session_duration: Option<u64>,
    beyond: Option<(u64, Behaviour)>,
    clock_offset: i64,
    dialect: Dialect,
    /// Where alone it answers; anywhere without one.
    path: Option<String>,
    /// For which alone it takes signatures; for any without one.
    region: Option<String>,
    open_connections: usize,
    accepted_connections: usize,
}

/// The server; stops when dropped.
pub struct FakeSts {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeSts {
    /// Starts on a free port.
    pub fn start() -> Self {
        Self::start_at(0)
    }

    /// Starts on this port: an STS that comes back after an outage.
    pub fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        listener
            .set_nonblocking(true)
            .expect("a listener can be set non-blocking");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve::accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port, to come back on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How the next calls are answered, one behaviour each; then the default again.
    pub fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state().script.extend(behaviours);
    }

    /// How calls beyond the script are answered.
    pub fn set_default(&self, behaviour: Behaviour) {
        self.state().default = behaviour;
    }

    /// How long sessions live whatever is asked for; `None` = as asked.
    pub fn set_session_lifetime(&self, lifetime: Option<Duration>) {
        self.state().session_lifetime = lifetime;
    }

    /// The roles' `MaxSessionDuration` in seconds; asking for more is refused as STS does.
    pub fn set_max_session_duration(&self, seconds: Option<u64>) {
        self.state().max_session_duration = seconds;
    }

    /// How sessions of more than `seconds` are refused, by a server that has words of its own for
    /// it.
    pub fn set_beyond(&self, seconds: u64, refusal: Behaviour) {
        self.state().beyond = Some((seconds, refusal));
    }

    /// How far the server's clock is ahead of the real one, in `Date` and `Expiration`.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.state().clock_offset = seconds;
    }

    /// Words answers as another server does.
    pub fn speak(&self, dialect: Dialect) {
        self.state().dialect = dialect;
    }

    /// Answers at exactly this path, with 404 anywhere else.
    pub fn move_to(&self, path: &str) {
        self.state().path = Some(path.to_owned());
    }

    /// Takes signatures for this region only.
    pub fn set_region(&self, region: &str) {
        self.state().region = Some(region.to_owned());
    }

    /// Adds a user's long-term keys.
    pub fn add_user(&self, access_key_id: &str, secret: &str) {
        self.state()
            .users
            .insert(access_key_id.to_owned(), secret.to_owned());
    }

    /// Trusts a SAML provider's signatures from now on.
    pub fn trust(&self, principal_arn: &str, public_key: &[u8]) {
        self.state()
            .providers
            .insert(principal_arn.to_owned(), public_key.to_vec());
    }

    /// Adds an MFA device, or replaces it.
    pub fn add_device(&self, serial: &str, device: Device) {
        self.state().devices.add(serial, device);
    }

    /// Further elements of every successful answer, such as `PackedPolicySize`.
    pub fn set_elements(&self, elements: BTreeMap<String, String>) {
        self.state().elements = elements;
    }

    /// The body of the honest answer to a call that is not signed, without the wire.
    pub fn ask(&self, operation: &str, form: &BTreeMap<String, String>) -> String {
        self.state()
            .judge(
                &Call::unsigned(operation, form),
                "f4ce575f-0000-4000-8000-000000000000",
                None,
            )
            .1
    }

    /// Everything asked so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How many clients are connected.
    pub fn open_connections(&self) -> usize {
        self.state().open_connections
    }

    /// How many connections there have been.
    pub fn accepted_connections(&self) -> usize {
        self.state().accepted_connections
    }

    /// What was issued under an access key id.
    pub fn issued(&self, access_key_id: &str) -> Option<Issued> {
        self.state().issued.get(access_key_id).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no handler panicked")
    }
}

impl Drop for FakeSts {
    fn drop(&mut self) {
        let sent = self.stop.take().map(|stop| stop.send(()));
        let joined = self.thread.take().map(JoinHandle::join);
        assert!(
            std::thread::panicking() || sent.is_some() && matches!(joined, Some(Ok(()))),
            "the fake STS panicked"
        );
    }
}
