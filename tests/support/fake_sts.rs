//! A fake STS on the wire: HTTP/1.1 on loopback, the Query protocol in, STS's XML out.
//!
//! It runs on its own thread with its own runtime, so tests with and without a runtime use it alike, and it
//! stops when dropped: connections are cut and the port refuses. Unscripted, it judges a call as STS would
//! (expired tokens, unknown or expired signers, durations). What it issues describes itself: [`Issued`].

mod body;
mod issued;
mod judge;
mod serve;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use issued::Issued;

/// How one call is answered.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// As STS would: credentials, or the error that the call deserves.
    Ok,
    /// As [`Behaviour::Ok`], this much later.
    Latency(Duration),
    /// An STS error.
    Error { status: u16, code: String, message: String },
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
    Raw { status: u16, content_type: &'static str, body: String },
}

impl Behaviour {
    /// An STS error.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error { status, code: code.to_owned(), message: message.to_owned() }
    }
}

/// One call as it came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// The `Action`.
    pub operation: String,
    /// The decoded form, `Action` and `Version` included.
    pub form: BTreeMap<String, String>,
    /// `X-Amz-Target`, of an identity pool's operations.
    pub target: Option<String>,
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
    /// When it was complete.
    pub at: Instant,
}

impl Call {
    /// The access key id that signed the call.
    pub fn signer(&self) -> Option<&str> {
        self.authorization.as_deref()?.split_once("Credential=")?.1.split('/').next()
    }

    /// Exactly these parameters besides `Action` and `Version`.
    pub fn parameters(&self) -> BTreeMap<&str, &str> {
        let own = self.form.iter().filter(|(key, _)| !["Action", "Version"].contains(&key.as_str()));
        own.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

struct State {
    script: VecDeque<Behaviour>,
    default: Behaviour,
    calls: Vec<Call>,
    issued: HashMap<String, Issued>,
    /// Long-term keys by id.
    access_keys: BTreeSet<String>,
    serial: u64,
    requests: u64,
    session_lifetime: Option<Duration>,
    max_session_duration: Option<u64>,
    clock_offset: i64,
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
        listener.set_nonblocking(true).expect("a listener can be set non-blocking");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State {
            script: VecDeque::new(),
            default: Behaviour::Ok,
            calls: Vec::new(),
            issued: HashMap::new(),
            access_keys: BTreeSet::new(),
            serial: 0,
            requests: 0,
            session_lifetime: None,
            max_session_duration: None,
            clock_offset: 0,
            open_connections: 0,
            accepted_connections: 0,
        }));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve::accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { address, state, stop: Some(stop), thread: Some(thread) }
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

    /// Takes signatures of this long-term key from now on.
    pub fn add_access_key(&self, id: &str) {
        self.state().access_keys.insert(id.to_owned());
    }

    /// Takes them no longer.
    pub fn remove_access_key(&self, id: &str) {
        self.state().access_keys.remove(id);
    }

    /// How long sessions live whatever is asked for; `None` = as asked.
    pub fn set_session_lifetime(&self, lifetime: Option<Duration>) {
        self.state().session_lifetime = lifetime;
    }

    /// The roles' `MaxSessionDuration` in seconds; asking for more is refused as STS does.
    pub fn set_max_session_duration(&self, seconds: Option<u64>) {
        self.state().max_session_duration = seconds;
    }

    /// How far the server's clock is ahead of the real one, in `Date` and `Expiration`.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.state().clock_offset = seconds;
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
        assert!(std::thread::panicking() || sent.is_some() && matches!(joined, Some(Ok(()))), "the fake STS panicked");
    }
}
