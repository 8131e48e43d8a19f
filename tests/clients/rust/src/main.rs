//! Two Rust clients of AWS under load for some seconds, configured by environment variables alone.
//!
//! `sdk-clients aws-config|object-store BUCKET SECONDS` prints one line of JSON: calls, failed,
//! first_error. Both cache credentials until shortly before they expire (aws-config 10 s,
//! object_store 5 min), so a client that lives longer than a second of this test would go on with
//! the credentials it has. Each worker therefore makes a new client every second, as a program does
//! that opens a table or handles a request.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::task::JoinSet;

const CLIENT_LIFE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Default)]
struct Tally {
    calls: u64,
    failed: u64,
    first_error: Option<String>,
}

impl Tally {
    fn count(&mut self, outcome: Result<(), Failure>) {
        self.calls += 1;
        if let Err(error) = outcome {
            self.failed += 1;
            self.first_error.get_or_insert(format!("{error:?}"));
        }
    }

    fn add(&mut self, other: Tally) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

/// `GetCallerIdentity`, signed with what aws-config's default chain found.
async fn caller_identity(client: &aws_sdk_sts::Client) -> Result<(), Failure> {
    client.get_caller_identity().send().await?;
    Ok(())
}

async fn aws_config_worker(until: Instant) -> Tally {
    let mut tally = Tally::default();
    // The default HTTPS client is left out of this build; a plain one changes nothing about the
    // chain.
    let http = aws_smithy_http_client::Builder::new().build_http();
    while Instant::now() < until {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .load()
            .await;
        let client = aws_sdk_sts::Client::new(&config);
        let recreate = Instant::now() + CLIENT_LIFE;
        while Instant::now() < recreate.min(until) {
            tally.count(caller_identity(&client).await);
            tokio::time::sleep(PAUSE).await;
        }
    }
    tally
}

/// Writes an object and reads it back.
async fn write_and_read(store: &dyn ObjectStore, key: &Path) -> Result<(), Failure> {
    store
        .put(key, PutPayload::from_static(b"written by object_store"))
        .await?;
    let read = store.get(key).await?.bytes().await?;
    if read.as_ref() == b"written by object_store" {
        Ok(())
    } else {
        Err("read something else than was written".into())
    }
}

fn store(bucket: &str) -> Result<Arc<dyn ObjectStore>, Failure> {
    let endpoint = env::var("AWS_ENDPOINT_URL_S3")?;
    let builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_endpoint(endpoint)
        .with_allow_http(true);
    Ok(Arc::new(builder.build()?))
}

async fn object_store_worker(number: usize, bucket: String, until: Instant) -> Tally {
    let mut tally = Tally::default();
    let key = Path::from(format!("object_store/{number}"));
    while Instant::now() < until {
        let store = match store(&bucket) {
            Ok(store) => store,
            Err(error) => {
                tally.count(Err(error));
                return tally;
            }
        };
        let recreate = Instant::now() + CLIENT_LIFE;
        while Instant::now() < recreate.min(until) {
            tally.count(write_and_read(&*store, &key).await);
            tokio::time::sleep(PAUSE).await;
        }
    }
    tally
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [client, bucket, seconds] = arguments.as_slice() else {
        eprintln!("usage: sdk-clients aws-config|object-store BUCKET SECONDS");
        return ExitCode::from(64);
    };
    let Ok(seconds) = seconds.parse() else {
        eprintln!("SECONDS is not a number: {seconds}");
        return ExitCode::from(64);
    };
    // Building object_store's client fails without one, also when only http:// is used.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing was installed before main");
    let workers = env::var("WORKERS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(4);
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut running = JoinSet::new();
    for number in 0..workers {
        match client.as_str() {
            "aws-config" => running.spawn(aws_config_worker(until)),
            _ => running.spawn(object_store_worker(number, bucket.clone(), until)),
        };
    }
    let mut total = Tally::default();
    for tally in running.join_all().await {
        total.add(tally);
    }
    println!(
        "{}",
        serde_json::json!({"calls": total.calls, "failed": total.failed, "first_error": total.first_error})
    );
    ExitCode::SUCCESS
}
