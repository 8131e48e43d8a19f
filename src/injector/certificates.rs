//! The certificate that the API server is shown, from its making to its replacement.
//!
//! Owns the CA, the leaf, the Secret they are kept in and `caBundle`. It never answers a connection. Started by
//! `injector`.
//!
//! [`keep`] looks at both objects whenever one changes, and every four seconds besides; each look is one decision
//! of `plan` about the Secret, one of `record` about `caBundle` and one about what is served. All state that replicas
//! share is in the Secret and beside caBundle, so there is no leader: the write that comes second is refused, and its
//! replica reads again.

mod authority;
mod bundle;
mod files;
mod held;
pub mod inspect;
mod keeper;
pub mod metrics;
pub(super) mod object;
mod origin;
mod own;
mod plan;
mod record;
mod reference;
mod secret;
mod serving;
mod settings;
mod sightings;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use kube::Client;
use tokio::sync::{Notify, watch};

use crate::rotated_file::Watches;
use keeper::Keeper;
use object::Object;
use origin::Origin;

pub use metrics::Metrics;
pub(super) use plan::others_due;
pub use serving::{Readiness, ServingCertificate};
pub use settings::{Clock, Mode, Settings};

/// Keeps `serving` served and trusted until `shutdown` is true, or its sender is gone.
///
/// No error ends it: what is held stays served, what could not be written is tried again, and the reason stands
/// in the readiness of `serving` and in the log.
pub async fn keep(
    settings: Settings,
    client: Client,
    serving: Arc<ServingCertificate>,
    metrics: Metrics,
    clock: Clock,
    mut shutdown: watch::Receiver<bool>,
) {
    let configuration = Object::webhooks(client.clone(), &settings.webhook_configuration);
    let secret = Object::secret(client, &settings.namespace, &settings.secret_name);
    let origin = Origin::new(&settings, secret.clone(), clock.jitter, &metrics);
    let (watched, is_own) = (
        origin.watched(),
        matches!(settings.mode, Mode::SelfSigned { .. }),
    );
    let changed = Notify::new();
    let (ticker, ticks) = watch::channel(0);
    let keeper = Keeper::new(
        &settings,
        configuration.clone(),
        origin,
        serving,
        metrics,
        clock,
    );
    let secret = async {
        if is_own {
            secret.watch(&changed).await;
        }
    };
    let files = async {
        if let Some(file) = watched {
            let (shared, mut news) = (Watches::default(), file.subscribe());
            let tell = async {
                while news.changed().await.is_ok() {
                    changed.notify_one();
                }
            };
            tokio::join!(file.run(&shared, ticks, std::future::pending()), tell);
        }
    };
    let looks = keeper.run(&changed, &ticker);
    let work = async { tokio::join!(looks, configuration.watch(&changed), secret, files) };
    tokio::select! {
        _ = shutdown.wait_for(|shutdown| *shutdown) => {}
        _ = work => {}
    }
}
