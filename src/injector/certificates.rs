//! The certificate that the API server is shown, from its making to its replacement.
//!
//! Owns the CA, the leaf, the Secret they are kept in and `caBundle`. It never answers a
//! connection. Started by `injector`.
//!
//! [`keep`] looks at both objects, and at mounted files, whenever an object changes, and every
//! four seconds besides; each look is one decision of `plan` about the Secret, one of `record`
//! about `caBundle` and one about what is served. All state that replicas share is in the
//! Secret and beside caBundle, so there is no leader: the write that comes second is refused,
//! and its replica reads again.

mod bundle;
mod files;
pub mod inspect;
mod keeper;
mod keyring;
pub mod metrics;
pub(super) mod object;
mod pair;
mod plan;
mod record;
mod reference;
mod self_signed;
mod serving;
mod sightings;
mod source;
mod status;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use kube::Client;
use tokio::sync::{Notify, watch};

use super::config::{Config, Mode};
use crate::time::Wall;
use files::Files;
use keeper::{Keeper, Known};
use object::Object;
use pair::Names;
use self_signed::SelfSigned;
use source::Source;

pub use metrics::Metrics;
pub(super) use plan::others_due;
pub use serving::{Readiness, ServingCertificate};

/// The wall clock, and one draw of this replica's own.
#[derive(Clone)]
pub struct Clock {
    /// Reads the wall clock.
    pub wall: Arc<dyn Fn() -> Wall + Send + Sync>,
    /// A uniform draw from `[0, 1)`: replicas renew at different times, and the
    /// later one finds it done.
    pub jitter: f64,
}

/// Keeps `serving` served and trusted until `shutdown` is true, or its sender is gone. In the modes
/// of files by others, `tls.crt`, `tls.key` and `ca.crt` are mounted in `folder`.
///
/// No error ends it: the last good certificate stays served, what could not be written is tried
/// again, and the reason is in the readiness of `serving` and in the log.
pub fn keep(
    config: &Config,
    folder: impl AsRef<Path>,
    client: Client,
    serving: Arc<ServingCertificate>,
    metrics: Metrics,
    clock: Clock,
    mut shutdown: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static {
    let configuration = Object::webhooks(client.clone(), &config.webhook_configuration);
    let secret = Object::secret(client, &config.namespace, &config.secret_name);
    let names = Names::of_service(&config.service_name, &config.namespace);
    let name = names.called.clone();
    let (source, watched) = match config.certificates {
        Mode::SelfSigned(lasts) => {
            let own = SelfSigned {
                secret: secret.clone(),
                names,
                lasts,
                jitter: clock.jitter,
                metrics: metrics.clone(),
                keyring: None,
                misunderstood: None,
            };
            (Source::SelfSigned(Box::new(own)), Some(secret))
        }
        Mode::CertManager { .. } | Mode::External => {
            let files = Files::new(folder.as_ref(), metrics.clone());
            (Source::Files(files), None)
        }
    };
    let mut keeper = Keeper {
        mode: config.certificates,
        name,
        configuration: configuration.clone(),
        source,
        serving,
        metrics,
        clock,
        known: Known::default(),
    };
    async move {
        let changed = Notify::new();
        // Files need no watch: each look reads them, and a kubelet takes a minute to bring them.
        let secret = async {
            if let Some(secret) = watched {
                secret.watch(&changed).await;
            }
        };
        let looks = keeper.run(&changed);
        let work = async { tokio::join!(looks, configuration.watch(&changed), secret) };
        tokio::select! {
            _ = shutdown.wait_for(|shutdown| *shutdown) => {}
            _ = work => {}
        }
    }
}
