//! Ports that are taken, the startup probe, and what operators see.

use std::net::TcpListener;

use super::Scene;
use super::support::agent::until;
use super::support::client::Client;
use super::support::fake_sts::Behaviour;
use super::support::other_user;

#[test]
fn a_port_that_is_taken_is_waited_for() {
    let scene = Scene::new();
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("bound");
    let mut agent = scene.launch().flag("listen", &address.to_string()).spawn();
    let warning =
        agent.event("cannot listen, trying again each second; is another process using the port?");
    assert_eq!(warning["address"], address.to_string());
    // Credentials are fetched meanwhile; ready is who can vend them.
    agent.event("credentials refreshed");
    let page = agent.admin("/readyz?verbose");
    assert!(
        page.status == 503 && page.text().contains("[+]profile default ok\n[-]endpoint"),
        "{}",
        page.text()
    );
    assert_eq!(agent.admin("/livez").status, 200);
    assert!(agent.is_running());
    drop(holder);
    assert_eq!(agent.address(), address);
    assert_eq!(agent.client().credentials().expect("an answer").status, 200);
    assert_eq!(agent.admin("/readyz").status, 200);
    assert_eq!(
        agent
            .log()
            .iter()
            .filter(|line| line.contains("cannot listen"))
            .count(),
        1
    );
}

/// Who asks `localhost` may mean `[::1]`, and would show its token to the process that has it.
#[test]
fn a_second_address_that_is_taken_is_reported_and_taken_once_it_is_free() {
    let scene = Scene::new();
    let Ok(holder) = TcpListener::bind("[::1]:0") else {
        println!("not run: [::1] does not exist here");
        return;
    };
    let second = holder.local_addr().expect("bound");
    let agent = scene
        .launch()
        .flag("listen", &format!("localhost:{}", second.port()))
        .start();
    let warning =
        agent.event("cannot listen, trying again each second; is another process using the port?");
    assert_eq!(warning["address"], second.to_string());
    // Nothing that works is held back for it.
    agent.first_credentials().issued().expect("credentials");
    let page = agent.admin("/readyz?verbose");
    assert!(
        page.status == 503 && page.text().contains("[+]profile default ok\n[-]endpoint"),
        "{}",
        page.text()
    );
    assert_eq!(agent.metric::<u64>("stsidecar_ready"), 0);
    drop(holder);
    until("readiness", || {
        (agent.admin("/readyz").status == 200).then_some(())
    });
    let token = std::fs::read_to_string(scene.path("endpoint/token")).expect("written");
    let answer = Client::new(second, &token)
        .credentials()
        .expect("an answer");
    answer.issued().expect("credentials");
    assert_eq!(
        agent
            .log()
            .iter()
            .filter(|line| line.contains("cannot listen"))
            .count(),
        1
    );
}

#[test]
fn without_waiting_for_credentials_the_probe_passes_once_the_ports_are_open() {
    let scene = Scene::new();
    scene.sts.set_default(Behaviour::Empty500);
    let agent = scene.launch().flag("wait-for-credentials", "false").start();
    until("the start", || {
        (agent.status()["started"] == true).then_some(())
    });
    assert_eq!(
        (agent.admin("/readyz").status, agent.admin("/livez").status),
        (503, 200)
    );
    let waiting = scene.launch().start();
    waiting.event("refresh failed");
    assert_eq!(waiting.status()["started"], false);
}

#[test]
fn readiness_says_why_and_metrics_and_status_agree() {
    let scene = Scene::new();
    scene.sts.script([Behaviour::error(
        403,
        "AccessDenied",
        "Not authorized to perform: sts:TagSession",
    )]);
    let agent = scene.launch().start();
    let why = until("the reason", || {
        let page = agent.admin("/readyz?verbose");
        (page.status == 503 && page.text().contains("AccessDenied")).then_some(page)
    });
    for part in [
        "[-]profile default: role arn:aws:iam::",
        "allow sts:TagSession in the role's trust policy",
    ] {
        assert!(why.text().contains(part), "{}", why.text());
    }
    agent.first_credentials();
    let page = agent.admin("/readyz?verbose");
    assert_eq!(
        (page.status, page.text()),
        (
            200,
            "[+]profile default ok\n[+]endpoint ok\n[+]draining ok\nreadyz check passed\n"
        )
    );
    let expiration: i64 =
        agent.metric("stsidecar_credentials_expiration_timestamp_seconds{profile=\"default\"}");
    let issued = scene.sts.issued("ASIAFAKE000000000001").expect("the first");
    assert_eq!(expiration, issued.expiration);
    assert_eq!(
        agent.status()["profiles"][0]["hops"][0]["expiration"],
        issued.expiration_text()
    );
    assert_eq!(agent.metric::<u64>("stsidecar_ready"), 1);
    let counted = |outcome: &str| {
        let series = format!(
            "stsidecar_credentials_refreshes_total{{outcome=\"{outcome}\",profile=\"default\"}}"
        );
        agent.metric::<u64>(&series)
    };
    assert_eq!((counted("success"), counted("error")), (1, 1));
    for path in ["/", "/v1/credentials", "/healthz"] {
        assert_eq!(agent.admin(path).status, 404, "{path}");
    }
}

#[test]
fn the_memory_of_the_process_is_closed_to_others() {
    let scene = Scene::new();
    let (launch, place) = (scene.launch(), other_user::directory());
    // Root's files show nothing; an image runs as this one.
    let is_root = stsidecar::process::uid() == 0;
    let agent = match is_root
        .then(|| other_user::command(launch.binary(), place.path(), 65_532))
        .flatten()
    {
        Some(command) => {
            std::os::unix::fs::chown(scene.directory.path(), Some(65_532), Some(65_532))
                .expect("root may");
            launch.start_by(command)
        }
        None => launch.start(),
    };
    agent.first_credentials();
    // The kernel gives the files of a process that is not dumpable to root.
    for file in ["environ", "mem", "maps"] {
        assert_eq!(agent.owner(file), 0, "{file}");
    }
    let limits = agent.proc("limits").expect("readable");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .expect("a limit");
    assert_eq!(
        core.split_whitespace().collect::<Vec<_>>()[4..6],
        ["0", "0"],
        "{core}"
    );
}

/// It is the injector's, for people: the hash beside the role, never in the log or in metrics,
/// which others read.
#[test]
fn status_shows_by_which_settings_the_pod_was_injected() {
    let scene = Scene::new();
    let hash = "1-0123456789abcdef";
    let launch = scene.launch().variable("STSIDECAR_SETTINGS_HASH", hash);
    let agent = launch.start();
    agent.first_credentials().issued().expect("credentials");
    assert_eq!(agent.status()["settingsHash"], hash);
    let command = launch.variable(
        "STSIDECAR_ADMIN_LISTEN",
        &format!("127.0.0.1:{}", agent.admin_port()),
    );
    let said = |arguments: &[&str]| {
        let output = command
            .command("status")
            .args(arguments)
            .output()
            .expect("it runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let page = said(&[]);
    assert!(
        page.contains(&format!("\n  settings      {hash}\n"))
            && page.contains("\n  role          arn:aws:"),
        "{page}"
    );
    assert!(said(&["--output=json"]).contains(&format!("\"settingsHash\": \"{hash}\"")));
    let pages = ["/metrics", "/readyz?verbose"].map(|path| agent.admin(path).text().to_owned());
    let elsewhere = [agent.log(), pages.to_vec()].concat().join("\n");
    assert!(!elsewhere.contains("0123456789abcdef"), "{elsewhere}");

    let by_hand = scene.launch().start();
    assert_eq!(by_hand.status()["settingsHash"], serde_json::Value::Null);
}
