//! SIGKILL at random moments under load: what comes after is a valid generation or a 503, and never
//! torn.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::support::agent::{Launch, until};
use super::support::client::Client;
use super::support::fake_sts::{Behaviour, FakeSts};
use super::{Over, Scene};

const CLIENTS: usize = 4;
/// Kills in a row with STS up, then as many with it down.
const STRETCH: u32 = 10;
/// With STS up each of so many is aimed at a refresh, unless it hits the start.
const AIMED: u32 = 5;

/// What the clients saw.
#[derive(Default)]
struct Tally {
    port: AtomicU16,
    over: AtomicBool,
    good: AtomicU64,
    unavailable: AtomicU64,
    broken: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    /// Asks for as long as it lasts, on a new connection after each failure.
    fn ask(&self, token: &str) {
        while !self.over.load(Relaxed) {
            let address: SocketAddr = (own_address(), self.port.load(Relaxed)).into();
            let mut client = Client::new(address, token);
            while self.ask_once(&mut client) {}
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn ask_once(&self, client: &mut Client) -> bool {
        match client.credentials() {
            Ok(answer) if answer.status == 503 && answer.json()["Code"].is_string() => {
                self.unavailable.fetch_add(1, Relaxed);
            }
            Ok(answer) => match answer.issued() {
                Ok(_) => drop(self.good.fetch_add(1, Relaxed)),
                Err(wrong) => self.wrong.lock().expect("no panic").push(wrong),
            },
            // The process is gone, or not there yet.
            Err(error) if error.kind() != ErrorKind::InvalidData => {
                self.broken.fetch_add(1, Relaxed);
                return false;
            }
            Err(error) => self.wrong.lock().expect("no panic").push(error.to_string()),
        }
        !self.over.load(Relaxed)
    }
}

/// `KILLS` in the environment, else 200.
fn kills() -> u32 {
    std::env::var("KILLS").map_or(200, |text| text.parse().expect("KILLS is a number"))
}

/// Where the kills hit.
struct Kills {
    random: fastrand::Rng,
    seed: u64,
    early: u32,
    aimed: u32,
    down: u32,
    served: u32,
}

/// Starts the agent, kills it somewhere in its start, in an exchange or while it serves, and says
/// what it answered.
fn kill_once(scene: &Scene, launch: &Launch, tally: &Tally, kill: u32, kills: &mut Kills) {
    kills.down += u32::from(kill / STRETCH % 2 == 1);
    let mut agent = launch.spawn();
    if kills.random.u8(..) < 64 {
        // Before or after the port is open.
        std::thread::sleep(Duration::from_micros(kills.random.u64(..40_000)));
        kills.early += 1;
        return agent.kill();
    }
    tally.port.store(agent.port(), Relaxed);
    let answer = agent.client().credentials();
    let answer = answer.expect("the first answer comes whole");
    // What was kept lives for minutes, so it must still be there.
    if let Err(wrong) = answer.issued() {
        panic!("seed {}, kill {kill}: {wrong}", kills.seed);
    }
    kills.served += 1;
    if kill.is_multiple_of(AIMED) && (kill / STRETCH).is_multiple_of(2) {
        // Within an exchange: while its answer is read, kept and published.
        let calls = scene.sts.calls().len();
        until("a refresh", || {
            (scene.sts.calls().len() > calls).then_some(())
        });
        std::thread::sleep(Duration::from_micros(kills.random.u64(..2_500)));
        kills.aimed += 1;
    } else {
        std::thread::sleep(Duration::from_micros(kills.random.u64(..120_000)));
    }
    agent.kill();
}

#[test]
fn killed_at_any_moment_it_comes_back_with_a_whole_generation() {
    let (mut scene, count, start) = (Scene::alone(), kills(), Instant::now());
    let listen = format!("{}:0", own_address());
    let launch = scene
        .launch_with_state()
        .flag("refresh-at", "1s")
        .flag("listen", &listen);
    scene.sts.set_session_lifetime(Some(Duration::from_mins(2)));
    let sts_port = scene.sts.port();
    let first = launch.start();
    first.first_credentials();
    let token = std::fs::read_to_string(scene.path("endpoint/token")).expect("written");
    drop(first);

    let seed = fastrand::u64(..);
    let tally = Tally::default();
    let mut kills = Kills {
        random: fastrand::Rng::with_seed(seed),
        seed,
        early: 0,
        aimed: 0,
        down: 0,
        served: 0,
    };
    std::thread::scope(|threads| {
        (0..CLIENTS).for_each(|_| drop(threads.spawn(|| tally.ask(&token))));
        let _ends = Over(&tally.over);
        for kill in 0..count {
            if kill.is_multiple_of(STRETCH) {
                set_outage(&mut scene.sts, sts_port, kill / STRETCH);
            }
            kill_once(&scene, &launch, &tally, kill, &mut kills);
        }
    });
    let wrong = tally.wrong.lock().expect("no panic");
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    let (good, unavailable, broken) = (&tally.good, &tally.unavailable, &tally.broken);
    assert!(
        good.load(Relaxed) > u64::from(count),
        "the clients hardly asked: {good:?}"
    );
    let Kills {
        early,
        aimed,
        down,
        served,
        ..
    } = kills;
    println!(
        "{count} kills ({early} within the start, {aimed} within a refresh, {down} with STS down), {served} first answers were 200; under load {good:?} \
         answers 200 and whole, {unavailable:?} answers 503, {broken:?} broken connections, 0 torn or foreign; seed {seed}, {:.1?}",
        start.elapsed()
    );
}

/// A loopback address of this process alone: between two starts no other process can have the port
/// that clients ask.
fn own_address() -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}

/// Up, refusing connections, up, hanging, and so on.
fn set_outage(sts: &mut FakeSts, port: u16, stretch: u32) {
    match stretch % 4 {
        1 => drop(std::mem::replace(sts, FakeSts::start())),
        3 => sts.set_default(Behaviour::Hang),
        _ if sts.port() == port => sts.set_default(Behaviour::Ok),
        _ => {
            *sts = FakeSts::start_at(port);
            sts.set_session_lifetime(Some(Duration::from_mins(2)));
        }
    }
}
